"""Doubts about the stack, and about the engine, that is watched."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.adapters.app.test_application import QUICK, WALLET_ID, House, house
from tests.support.engine_server import raw_container

__all__ = ["house"]


def neighbour(container_id: str, stack: str, **labels: str) -> dict[str, Any]:
    raw = raw_container(container_id, stack=stack, service="electron-cash")
    raw["Config"]["Labels"] |= labels
    return raw


def line_with(house: House, words: str) -> str:
    house.until(words, lambda: any(words in line for line in house.said))
    return next(line for line in house.said if words in line)


def test_a_project_of_its_own_is_doubted_with_those_that_were_seen(
    house: House,
) -> None:
    house.engine.add(neighbour("b" * 12, "oratio"))
    house.engine.add(neighbour("c" * 12, "blog"))
    house.serves()
    line = line_with(house, "SIDECAR_STACK names the compose project to watch")
    assert "Compose projects seen: blog, oratio, shop" in line
    assert '"level": "warning"' in line


def test_a_stack_that_is_misspelt_is_doubted(house: House) -> None:
    house.engine.add(neighbour("b" * 12, "oratio"))
    house.serves(SIDECAR_STACK="oration")
    assert "the stack oration has no container" in line_with(house, "projects seen")


def test_the_label_all_is_doubted_unless_it_is_one(house: House) -> None:
    house.engine.add(neighbour(WALLET_ID, "shop"))
    house.serves(SIDECAR_WATCH_LABEL="all")
    line = line_with(house, "SIDECAR_WATCH_LABEL=all watches containers with")
    assert "Compose projects seen: shop" in line


@pytest.mark.parametrize("label", ["all", "autoheal"])
def test_a_place_with_a_target_in_it_is_not_doubted(house: House, label: str) -> None:
    healthy = {"Status": "healthy", "Log": [], "FailingStreak": 0}
    raw = neighbour(WALLET_ID, "shop", **{label: "true"})
    raw["State"]["Health"] = healthy
    house.engine.add(raw)
    house.serves(SIDECAR_WATCH_LABEL=label)
    house.ready()
    house.until("it lists", lambda: bool(house.target("electron-cash")))
    assert not any("projects seen" in line for line in house.said)


def unhealthy() -> dict[str, Any]:
    raw = neighbour(WALLET_ID, "shop", autoheal="true")
    raw["State"]["StartedAt"] = "2020-01-01T00:00:00Z"
    raw["State"]["Health"] = {"Status": "unhealthy", "Log": [], "FailingStreak": 9}
    return raw


def watches(house: House, version: dict[str, Any], mode: str = "act") -> None:
    house.engine.say["/version"] = (200, json.dumps(version).encode())
    house.engine.add(unhealthy())
    house.serves(
        SIDECAR_CONFIG=house.config(defaults=QUICK),
        SIDECAR_WATCH_LABEL="autoheal",
        SIDECAR_MODE=mode,
    )


PODMAN = {
    "ApiVersion": "1.45",
    "MinAPIVersion": "1.24",
    "Components": [{"Name": "Podman Engine", "Version": "5.4.2"}],
}


def acting_part(house: House) -> dict[str, Any]:
    parts: list[dict[str, Any]] = house.get("/readyz").told["components"]
    return next(part for part in parts if part["name"] == "acting")


def test_another_engine_is_observed_and_that_is_said(house: House) -> None:
    watches(house, PODMAN)
    house.until(
        "it is down", lambda: house.target("electron-cash").get("state") == "down"
    )
    house.until(
        "it decided",
        lambda: (
            (house.target("electron-cash")["last_decision"] or {}).get("guard")
            == "observe"
        ),
    )
    line_with(house, "the engine calls itself Podman Engine, which is not supported")
    assert not acting_part(house)["ok"]
    assert "Podman Engine" in acting_part(house)["reason"]
    assert house.get("/api/v1/status").told["mode"] == "observe"
    assert house.engine.acts() == []


def test_who_observes_another_engine_on_purpose_is_ready(house: House) -> None:
    watches(house, PODMAN, mode="observe")
    line_with(house, "the engine calls itself Podman Engine")
    house.ready()


def test_an_engine_newer_than_tested_is_spoken_to_as_tested(house: House) -> None:
    newer = {
        "ApiVersion": "1.52",
        "MinAPIVersion": "1.44",
        "Components": [{"Name": "Engine", "Version": "29.0.0"}],
    }
    watches(house, newer)
    restart = f"POST /containers/{WALLET_ID}/restart"
    house.until(
        "it is restarted",
        lambda: any(act.startswith(restart) for act in house.engine.acts()),
    )
    assert acting_part(house)["ok"]


def test_a_docker_probe_without_a_healthcheck_is_refused_at_once(house: House) -> None:
    house.engine.add(neighbour(WALLET_ID, "shop"))
    probe = {"probe": {"type": "docker"}}
    file = house.config(defaults=QUICK, targets={"electron-cash": probe})
    house.serves(SIDECAR_CONFIG=file)
    house.until(
        "it runs", lambda: house.target("electron-cash").get("state") == "healthy"
    )
    line = line_with(house, "no HEALTHCHECK in the container")
    assert "type running for what serves nothing" in line
    labels = house.get("/readyz").told["components"]
    assert not next(part for part in labels if part["name"] == "labels")["ok"]


def test_a_worker_that_serves_nothing_is_watched_for_running(house: House) -> None:
    worker = neighbour(WALLET_ID, "shop", **{"sidecar.enable": "true"})
    worker["Config"]["Labels"]["sidecar.probe.type"] = "running"
    house.engine.add(worker)
    house.serves(SIDECAR_CONFIG=house.config(defaults=QUICK))
    house.until(
        "it runs", lambda: house.target("electron-cash").get("state") == "healthy"
    )
    house.ready()


def test_a_detached_target_says_which_networks_and_the_line_to_add(
    house: House,
) -> None:
    raw = neighbour(WALLET_ID, "shop")
    raw["NetworkSettings"]["Networks"] = {"shop_backend": {}}
    house.engine.add(raw)
    probe = {"type": "http", "url": "http://electron-cash.invalid/"}
    target = {"electron-cash": {"probe": probe}}
    house.serves(SIDECAR_CONFIG=house.config(defaults=QUICK, targets=target))
    house.until(
        "it is detached",
        lambda: house.target("electron-cash").get("cause") == "detached",
    )
    said = (
        "its container is on shop_backend, Sidecar on shop_default: add to the service "
        "sidecar: networks: [default, backend]"
    )
    assert said in house.target("electron-cash")["last_probe"]["reason"]


def test_check_says_what_is_refused_before_it_is_run(house: House) -> None:
    house.engine.add(neighbour(WALLET_ID, "shop"))
    target = {"electron-cash": {"probe": {"type": "docker"}}}
    ran = subprocess.run(
        [sys.executable, "-m", "sidecar", "check"],
        env=house.environ | {"SIDECAR_CONFIG": house.config(targets=target)},
        capture_output=True,
        text=True,
        timeout=20.0,
        check=False,
    )
    assert "no HEALTHCHECK in the container shop-electron-cash-1" in ran.stderr
    assert "electron-cash  success" in ran.stdout
