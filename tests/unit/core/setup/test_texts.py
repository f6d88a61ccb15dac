"""Texts of ``init``: sidecar.yaml and the compose lines."""

import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.config.load import load
from sidecar.core.model.probe_settings import (
    DockerProbe,
    ElectronCashProbe,
    HttpProbe,
)
from sidecar.core.model.target import Mode
from sidecar.core.setup.compose_text import ComposePlace, write_compose
from sidecar.core.setup.file_text import comment_text, scalar, write_file
from sidecar.core.setup.proposal import propose_setup
from sidecar.core.setup.stack_facts import (
    HealthCheckFacts,
    ServiceFacts,
    StackFacts,
)
from sidecar.core.setup.variables import read_variable
from tests.support.repository import REPOSITORY
from tests.support.stack_facts import (
    payment_service,
    service,
    stack,
    variables,
    wallet,
)

COMPOSE = yaml.safe_load((REPOSITORY / "compose/sidecar.yml").read_text())

STACKS = {
    "pair": stack(),
    "odd user": stack(wallet(variables=variables(RPC_USER="null"))),
    "two wallets": stack(wallet(), wallet(name="ec-2", names=frozenset({"ec-2"}))),
    "number as a name": stack(wallet(name="1", names=frozenset({"1"}))),
    "word as a name": stack(service("on", exposed_ports=(80,))),
    "native": stack(
        wallet(),
        service(
            "worker", depends_on=("electron-cash",), health_check=HealthCheckFacts("x")
        ),
    ),
    "guessed address": stack(service("web", exposed_ports=(8080,))),
    "odd names": stack(
        wallet(), service("-a\n  b: c\u202e"), service("x" * 300, exposed_ports=(80,))
    ),
}


def write_files(facts: StackFacts, folder: Path) -> Path:
    """The proposed file, with the secrets that it names."""
    proposal = propose_setup(facts)
    for secret in proposal.secrets:
        (folder / secret).write_text("a-long-rpc-password")
    file = folder / "sidecar.yaml"
    file.write_text(write_file(proposal, "a\ntest", str(folder)))
    return file


@pytest.mark.parametrize("facts", STACKS.values(), ids=STACKS.keys())
def test_proposed_file_passes_the_check_of_the_configuration(
    facts: StackFacts, tmp_path: Path
) -> None:
    loaded = load({}, write_files(facts, tmp_path))
    assert loaded.mode is Mode.OBSERVE
    assert [t.name for t in loaded.targets] == [
        t.service.name for t in propose_setup(facts).targets
    ]
    assert not [w for w in loaded.warnings if "shorter" not in w]


TEXTS = st.one_of(
    st.sampled_from(["electron-cash", "a", "b", "null", "1", "http://a:8080/x", "80"]),
    st.text(max_size=20),
)
PORTS = st.lists(st.sampled_from([0, 1, 80, 7777, 8080, 65535]), max_size=3).map(tuple)
FACTS = st.builds(
    ServiceFacts,
    name=TEXTS,
    image=TEXTS,
    command=st.lists(TEXTS, max_size=3).map(tuple),
    processes=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    variables=st.lists(
        st.builds(read_variable, st.sampled_from(["RPC_USER", "URL", "X"]), TEXTS),
        max_size=3,
    ).map(tuple),
    exposed_ports=PORTS.map(lambda ports: tuple(filter(None, ports))),
    health_check=st.none() | st.builds(HealthCheckFacts, TEXTS),
    names=st.frozensets(TEXTS.map(str.casefold), max_size=2),
    depends_on=st.lists(TEXTS, max_size=2).map(tuple),
    networks=st.none() | st.frozensets(TEXTS, max_size=2),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(FACTS, max_size=4, unique_by=lambda facts: facts.name))
def test_file_and_compose_lines_of_any_stack_can_be_used(
    tmp_path: Path, services: list[ServiceFacts]
) -> None:
    facts = StackFacts("any", tuple(services))
    proposal = propose_setup(facts)
    document = parse_compose_lines(facts)
    assert document.keys() <= {"services", "volumes", "networks", "secrets"}
    if proposal.targets:
        targets = load({}, write_files(facts, tmp_path)).targets
        assert [t.name for t in targets] == [s.name for s in proposal.services]


def test_proposed_file_watches_the_pair(tmp_path: Path) -> None:
    daemon, dependent = load({}, write_files(STACKS["pair"], tmp_path)).targets
    (probe,) = daemon.probes
    assert isinstance(probe, ElectronCashProbe)
    assert probe.url == "http://electron-cash:7777/"
    assert probe.load_wallet
    (probe_of_service,) = dependent.probes
    assert isinstance(probe_of_service, HttpProbe)
    assert dependent.depends_on == ("electron-cash",)


def test_proposed_file_uses_the_health_check_of_a_worker(tmp_path: Path) -> None:
    _, worker = load({}, write_files(STACKS["native"], tmp_path)).targets
    assert isinstance(worker.probes[0], DockerProbe)


PLACE = ComposePlace("sidecar", 999)


@pytest.mark.parametrize("facts", STACKS.values(), ids=STACKS.keys())
def test_each_value_of_the_file_has_its_reason_before_it(facts: StackFacts) -> None:
    lines = write_file(propose_setup(facts), "x").splitlines()
    values = [n for n, line in enumerate(lines) if re.match(r" *\w+: \S", line)]
    assert values
    for number in values:
        assert lines[number - 1].lstrip().startswith("#"), lines[number]


@pytest.mark.parametrize("facts", STACKS.values(), ids=STACKS.keys())
def test_each_compose_key_has_its_reason_before_it(facts: StackFacts) -> None:
    lines = write_compose(propose_setup(facts), PLACE).splitlines()
    keys = [n for n, line in enumerate(lines) if re.match(r" {4}\w+:", line)]
    explained = [n for n in keys if lines[n - 1].lstrip().startswith("#")]
    # The mounts, and the parts of networks and secrets, are explained one by one.
    rest = [lines[n].strip() for n in keys if n not in explained]
    assert {line.partition(":")[0] for line in rest} <= {"volumes", "file"}


def parse_compose_lines(
    facts: StackFacts, place: ComposePlace = PLACE
) -> dict[str, object]:
    document = yaml.safe_load(write_compose(propose_setup(facts), place))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(
    "key",
    [
        "restart",
        "init",
        "stop_grace_period",
        "read_only",
        "tmpfs",
        "cap_drop",
        "security_opt",
        "mem_limit",
        "pids_limit",
        "logging",
        "image",
    ],
)
def test_compose_lines_have_the_limits_of_the_shipped_compose_file(key: str) -> None:
    (lines,) = parse_compose_lines(stack())["services"].values()  # type: ignore[attr-defined]
    shipped = COMPOSE["services"]["sidecar"][key]
    if key == "image":
        shipped = "sidecar"
    assert lines[key] == shipped


def test_compose_lines_have_socket_group_state_and_secret() -> None:
    document = parse_compose_lines(stack())
    lines = document["services"]["sidecar"]  # type: ignore[index]
    assert lines["group_add"] == ["999"]
    assert lines["volumes"] == [
        "/var/run/docker.sock:/var/run/docker.sock",
        "sidecar-state:/var/lib/sidecar",
        "./sidecar:/etc/sidecar:ro",
    ]
    assert lines["secrets"] == ["sidecar_rpcpassword"]
    assert document["secrets"] == {
        "sidecar_rpcpassword": {"file": "./secrets/sidecar_rpcpassword"}
    }
    assert "networks" not in lines


def test_unknown_socket_group_is_left_to_a_variable() -> None:
    text = write_compose(propose_setup(stack()), ComposePlace("sidecar"))
    assert "${DOCKER_GID:?" in text


@pytest.mark.parametrize(
    ("folder", "mount"),
    [
        (".", "./sidecar.yaml:/etc/sidecar/sidecar.yaml:ro"),
        ("watch/x", "./watch/x:/etc/sidecar:ro"),
        ("../x", "../x:/etc/sidecar:ro"),
        ("/etc/sidecar", "/etc/sidecar:/etc/sidecar:ro"),
    ],
)
def test_folder_of_the_file_is_mounted_alone(folder: str, mount: str) -> None:
    lines = parse_compose_lines(stack(), ComposePlace(folder))["services"]["sidecar"]  # type: ignore[index]
    assert lines["volumes"][-1] == mount


def test_networks_of_others_are_external() -> None:
    facts = stack(
        wallet(networks=frozenset({"proxy"})),
        payment_service(networks=frozenset({"backend"})),
    )
    document = parse_compose_lines(
        facts, ComposePlace("sidecar", external_networks=frozenset({"proxy"}))
    )
    lines = document["services"]["sidecar"]  # type: ignore[index]
    assert lines["networks"] == ["proxy", "backend"]
    assert document["networks"] == {"proxy": {"external": True}}


def test_no_text_contains_a_secret() -> None:
    secret = "open-sesame"
    daemon = wallet(
        variables=variables(RPC_PASSWORD=secret, URL=f"http://u:{secret}@x/"),
        command=("electron-cash", "setconfig", "rpcpassword", secret),
        processes=(f"electron-cash -wp {secret} daemon",),
        health_check=HealthCheckFacts(f"curl -u a:{secret} http://localhost:1/"),
    )
    proposal = propose_setup(stack(daemon, payment_service()))
    texts = write_file(proposal, "x") + write_compose(proposal, PLACE)
    assert secret not in texts + repr(proposal)


@pytest.mark.parametrize(
    "text", ["a", "1", "no", "a: b", "#x", "", 'a"b', "é", "a\\", "http://a:1/b"]
)
def test_scalar_is_read_back_as_the_same_text(text: str) -> None:
    assert yaml.safe_load(scalar(text)) == text


def test_comment_is_one_printable_line() -> None:
    text = comment_text("a\nb\x1b[31m\u202ec" + "x" * 1000)
    assert text.isprintable()
    assert len(text) <= 200
    assert os.linesep not in text
