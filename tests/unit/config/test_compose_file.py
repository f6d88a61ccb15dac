"""Compose files as facts of a stack, in each form that compose allows."""

from pathlib import Path

import pytest

from sidecar.config.compose_file import parse_compose, read_compose_file
from sidecar.config.problem import ConfigError
from sidecar.core.setup.proposal import propose_setup
from sidecar.core.setup.stack_facts import PublishedPort, ServiceFacts
from tests.support.repository import REPOSITORY

WHOLE = """
name: shop
services:
  electron-cash:
    image: example/ec:4.4
    container_name: Wallet
    entrypoint: ["tini", "--"]
    command: electron-cash daemon
    environment: [RPC_USER=bchrpc, "RPC_PASSWORD=${PW:-open-sesame}", BARE]
    expose: ["7777", 7778/tcp, "0", "99999"]
    networks: {back: {aliases: [ec]}}
    volumes: [wallet:/data]
  api:
    build: .
    depends_on: {electron-cash: {condition: service_healthy}}
    environment: {URL: "http://electron-cash:7777/", ON: true, N: 3, NONE: null}
    ports:
      - 127.0.0.1:80:8080
      - "${P:-9000}:9001"
      - "[::1]:53:53/udp"
      - {target: 1, published: "2", host_ip: 127.0.0.1}
      - "8100-8102:8200-8202"
      - "100"
    healthcheck: {test: ["CMD-SHELL", "curl http://localhost:8080/up || exit 1"]}
    networks: [back, front]
    labels: ["traefik.http.services.a.loadbalancer.server.port=8080"]
  alone:
    image: busybox
    network_mode: host
    healthcheck: {disable: true, test: x}
    depends_on: [api]
  sidecar: {image: "sidecar:local"}
"""


def services() -> dict[str, ServiceFacts]:
    return {s.name: s for s in parse_compose(WHOLE, "compose.yaml").services}


def test_whole_file_is_read() -> None:
    facts = parse_compose(WHOLE, "compose.yaml")
    assert facts.name == "shop"
    assert [s.name for s in facts.others()] == ["electron-cash", "api", "alone"]


def test_wallet_is_read_with_its_names_ports_and_variables() -> None:
    wallet = services()["electron-cash"]
    assert wallet.command == ("tini", "--", "electron-cash daemon")
    assert wallet.names == {"electron-cash", "wallet"}
    assert wallet.exposed_ports == (7777, 7778)
    assert wallet.networks == frozenset({"back"})
    assert wallet.variable("RPC_USER") == "bchrpc"
    assert [v.name for v in wallet.variables if v.is_secret] == ["RPC_PASSWORD"]
    assert "sesame" not in repr(wallet)


def test_service_is_read_with_its_ports_in_every_form() -> None:
    api = services()["api"]
    assert api.published_ports == (
        PublishedPort(8080, "127.0.0.1", 80),
        PublishedPort(9001, "", 9000),
        PublishedPort(53, "::1", 53),
        PublishedPort(1, "127.0.0.1", 2),
        PublishedPort(8200, "", 8100),
        PublishedPort(100, "", 0),
    )
    assert api.depends_on == ("electron-cash",)
    assert api.proxied_port == 8080
    assert api.health_check is not None
    assert api.health_check.command == "curl http://localhost:8080/up || exit 1"
    assert api.variable("ON") == "true"


def test_disabled_health_check_and_host_network_are_read() -> None:
    alone = services()["alone"]
    assert alone.health_check is None
    assert (alone.network_mode, alone.networks) == ("host", frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "services: {}",
        "services: [a]",
        "include: [other.yaml]",
        "a: b: c",
        "\x00",
        "services: &a {b: *a}",
        "services: {a: !reset null}",
    ],
)
def test_text_without_services_is_a_fault(text: str) -> None:
    with pytest.raises(ConfigError, match=r"compose\.yaml|(the whole file)"):
        parse_compose(text, "compose.yaml")


@pytest.mark.parametrize(
    "section",
    [
        "null",
        "text",
        "[]",
        "{image: [], command: {a: b}, environment: 3, ports: {a: b}, expose: x}",
        "{ports: [[], {}, null, x, '1:2:3:4', 70000000], labels: [a], healthcheck: []}",
        "{healthcheck: {test: {}}, depends_on: 1, networks: x, environment: [[]]}",
    ],
)
def test_odd_section_is_read_as_far_as_possible(section: str) -> None:
    (facts,) = parse_compose(f"services: {{a: {section}}}", "c").services
    assert facts.name == "a"


def test_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file to read"):
        read_compose_file(tmp_path / "none.yaml")


def test_compose_file_of_the_demo_gives_the_pair() -> None:
    facts = read_compose_file(REPOSITORY / "compose/demo/compose.yaml")
    targets = {t.service.name: t for t in propose_setup(facts).targets}
    assert {"electron-cash", "bitcoincash-service"} <= targets.keys()
    assert "sidecar" not in targets
    (evidence,) = targets["bitcoincash-service"].depends_on
    assert evidence.name == "electron-cash"
