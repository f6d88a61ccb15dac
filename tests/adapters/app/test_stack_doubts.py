"""Warnings about the stack, and about the engine, that is watched."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.engine_server import raw_container
from tests.support.sidecar_host import QUICK, WALLET_ID, SidecarHost


def neighbour(container_id: str, stack: str, **labels: str) -> dict[str, Any]:
    raw = raw_container(container_id, stack=stack, service="electron-cash")
    raw["Config"]["Labels"] |= labels
    return raw


def line_with(sidecar_host: SidecarHost, words: str) -> str:
    sidecar_host.until(
        words, lambda: any(words in line for line in sidecar_host.log_lines)
    )
    return next(line for line in sidecar_host.log_lines if words in line)


def test_sidecar_alone_in_its_project_warns_and_lists_the_projects_seen(
    sidecar_host: SidecarHost,
) -> None:
    sidecar_host.engine.add(neighbour("b" * 64, "oratio"))
    sidecar_host.engine.add(neighbour("c" * 64, "blog"))
    sidecar_host.start_serving()
    line = line_with(sidecar_host, "SIDECAR_STACK names the compose project to watch")
    assert "Compose projects seen: blog, oratio, shop" in line
    assert '"level": "warning"' in line


def test_misspelt_stack_name_is_warned_about(sidecar_host: SidecarHost) -> None:
    sidecar_host.engine.add(neighbour("b" * 64, "oratio"))
    sidecar_host.start_serving(SIDECAR_STACK="oration")
    assert "the stack oration has no container" in line_with(
        sidecar_host, "projects seen"
    )


def test_watch_label_all_is_warned_about_when_no_container_has_it(
    sidecar_host: SidecarHost,
) -> None:
    sidecar_host.engine.add(neighbour(WALLET_ID, "shop"))
    sidecar_host.start_serving(SIDECAR_WATCH_LABEL="all")
    line = line_with(sidecar_host, "SIDECAR_WATCH_LABEL=all watches containers with")
    assert "Compose projects seen: shop" in line


@pytest.mark.parametrize("label", ["all", "autoheal"])
def test_stack_with_a_target_is_not_warned_about(
    sidecar_host: SidecarHost, label: str
) -> None:
    healthy = {"Status": "healthy", "Log": [], "FailingStreak": 0}
    raw = neighbour(WALLET_ID, "shop", **{label: "true"})
    raw["State"]["Health"] = healthy
    sidecar_host.engine.add(raw)
    process = sidecar_host.start_serving(SIDECAR_WATCH_LABEL=label)
    sidecar_host.wait_until_ready()
    sidecar_host.until("it lists", lambda: bool(sidecar_host.target("electron-cash")))
    assert sidecar_host.stop(process) == 0
    assert not any("projects seen" in line for line in sidecar_host.log_lines)


def unhealthy_container() -> dict[str, Any]:
    raw = neighbour(WALLET_ID, "shop", autoheal="true")
    raw["State"]["StartedAt"] = "2020-01-01T00:00:00Z"
    raw["State"]["Health"] = {"Status": "unhealthy", "Log": [], "FailingStreak": 9}
    return raw


def start_beside_engine(
    sidecar_host: SidecarHost, version: dict[str, Any], mode: str = "act"
) -> None:
    sidecar_host.engine.say["/version"] = (200, json.dumps(version).encode())
    sidecar_host.engine.add(unhealthy_container())
    sidecar_host.start_serving(
        SIDECAR_CONFIG=sidecar_host.config(defaults=QUICK),
        SIDECAR_WATCH_LABEL="autoheal",
        SIDECAR_MODE=mode,
    )


PODMAN = {
    "ApiVersion": "1.45",
    "MinAPIVersion": "1.24",
    "Components": [{"Name": "Podman Engine", "Version": "3.4.4"}],
}


def acting_part(sidecar_host: SidecarHost) -> dict[str, Any]:
    parts: list[dict[str, Any]] = sidecar_host.get("/readyz").json["components"]
    return next(part for part in parts if part["name"] == "acting")


def test_unsupported_engine_is_only_observed_and_named(
    sidecar_host: SidecarHost,
) -> None:
    start_beside_engine(sidecar_host, PODMAN)
    sidecar_host.until(
        "it is down",
        lambda: sidecar_host.target("electron-cash").get("state") == "down",
    )
    sidecar_host.until(
        "it decided",
        lambda: (
            (sidecar_host.target("electron-cash")["last_decision"] or {}).get("guard")
            == "observe"
        ),
    )
    line_with(
        sidecar_host,
        "the engine calls itself Podman Engine 3.4.4, which is not supported",
    )
    assert not acting_part(sidecar_host)["ok"]
    assert "Podman Engine" in acting_part(sidecar_host)["reason"]
    assert sidecar_host.get("/api/v1/status").json["mode"] == "observe"
    assert sidecar_host.engine.acts() == []


def test_observe_mode_beside_an_unsupported_engine_is_ready(
    sidecar_host: SidecarHost,
) -> None:
    start_beside_engine(sidecar_host, PODMAN, mode="observe")
    line_with(sidecar_host, "the engine calls itself Podman Engine")
    sidecar_host.wait_until_ready()


def test_newer_engine_is_used_as_the_tested_one(sidecar_host: SidecarHost) -> None:
    newer = {
        "ApiVersion": "1.52",
        "MinAPIVersion": "1.44",
        "Components": [{"Name": "Engine", "Version": "29.0.0"}],
    }
    start_beside_engine(sidecar_host, newer)
    restart = f"POST /containers/{WALLET_ID}/restart"
    sidecar_host.until(
        "it is restarted",
        lambda: any(act.startswith(restart) for act in sidecar_host.engine.acts()),
    )
    assert acting_part(sidecar_host)["ok"]


def test_a_docker_probe_without_a_healthcheck_is_refused_at_once(
    sidecar_host: SidecarHost,
) -> None:
    sidecar_host.engine.add(neighbour(WALLET_ID, "shop"))
    probe = {"probe": {"type": "docker"}}
    file = sidecar_host.config(defaults=QUICK, targets={"electron-cash": probe})
    sidecar_host.start_serving(SIDECAR_CONFIG=file)
    sidecar_host.until(
        "it runs",
        lambda: sidecar_host.target("electron-cash").get("state") == "healthy",
    )
    line = line_with(sidecar_host, "no HEALTHCHECK in the container")
    assert "type running for what serves nothing" in line
    labels = sidecar_host.get("/readyz").json["components"]
    assert not next(part for part in labels if part["name"] == "labels")["ok"]


def test_a_worker_that_serves_nothing_is_watched_for_running(
    sidecar_host: SidecarHost,
) -> None:
    worker = neighbour(WALLET_ID, "shop", **{"sidecar.enable": "true"})
    worker["Config"]["Labels"]["sidecar.probe.type"] = "running"
    sidecar_host.engine.add(worker)
    sidecar_host.start_serving(SIDECAR_CONFIG=sidecar_host.config(defaults=QUICK))
    sidecar_host.until(
        "it runs",
        lambda: sidecar_host.target("electron-cash").get("state") == "healthy",
    )
    sidecar_host.wait_until_ready()


def test_a_detached_target_says_which_networks_and_the_line_to_add(
    sidecar_host: SidecarHost,
) -> None:
    raw = neighbour(WALLET_ID, "shop")
    raw["NetworkSettings"]["Networks"] = {"shop_backend": {}}
    sidecar_host.engine.add(raw)
    probe = {"type": "http", "url": "http://electron-cash.invalid/"}
    target = {"electron-cash": {"probe": probe}}
    sidecar_host.start_serving(
        SIDECAR_CONFIG=sidecar_host.config(defaults=QUICK, targets=target)
    )
    sidecar_host.until(
        "it is detached",
        lambda: sidecar_host.target("electron-cash").get("cause") == "detached",
    )
    expected = (
        "its container is on shop_backend, Sidecar on shop_default: add to the service "
        "sidecar: networks: [default, backend]"
    )
    assert expected in sidecar_host.target("electron-cash")["last_probe"]["reason"]


def test_check_says_what_is_refused_before_it_is_run(sidecar_host: SidecarHost) -> None:
    sidecar_host.engine.add(neighbour(WALLET_ID, "shop"))
    target = {"electron-cash": {"probe": {"type": "docker"}}}
    ran = subprocess.run(
        [sys.executable, "-m", "sidecar", "check"],
        env=sidecar_host.environ
        | {"SIDECAR_CONFIG": sidecar_host.config(targets=target)},
        capture_output=True,
        text=True,
        timeout=20.0,
        check=False,
    )
    assert "no HEALTHCHECK in the container shop-electron-cash-1" in ran.stderr
    assert "electron-cash  success" in ran.stdout
