"""Unusual answers about a container from the engine or a filter before it.

Timings are harness.QUICK.
"""

import time
from typing import Any

import pytest
from docker.errors import APIError

from tests.engine.harness import (
    SERVICE,
    WALLET,
    SidecarBox,
    Stack,
    config,
    pair_config,
    wallet_config,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]


def with_status(word: str) -> Any:  # noqa: ANN401 - of the proxy
    """Alter an inspect's answer: the container is in a state of this name."""

    def change(inspected: Any) -> object:  # noqa: ANN401 - the engine's JSON
        inspected["State"]["Status"] = word
        return inspected

    return change


@pytest.mark.parametrize("trouble", ["stopping", "zombie", "500", "null", "silent"])
def test_unreadable_container_does_not_affect_other_targets(
    stack: Stack, trouble: str
) -> None:
    wallet, service = stack.wallet(), stack.service()
    path = f"/containers/{service.id}/json"
    match trouble:
        case "500":
            body = '{"message": "layer is broken"}'
            stack.proxy.answer("GET", path, 500, body)
        case "silent":
            stack.proxy.answer("GET", path, 200, "{}", after_s=8.0)
        case "null":
            stack.proxy.alter(path, lambda target: target | {"State": None})
        case _:
            stack.proxy.alter(path, with_status(trouble))
    watcher = stack.sidecar(pair_config())

    stack.wait_healthy(WALLET)
    target = stack.wait_state(SERVICE, "unknown")
    assert "what its container is doing is not known" in target["reason"]
    wallet.end_daemon()
    stack.wait_outcome(WALLET, "restart")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"restart {WALLET}"]
    records = [r for r in watcher.records() if "is not known" in r.message]
    assert [(r.target, r.level) for r in records] == [(SERVICE, "warning")]
    assert not any("the engine is lost" in r.message for r in watcher.records())
    assert "<" not in watcher.target(SERVICE)["reason"]

    stack.proxy.pass_all()
    stack.wait_healthy(WALLET, SERVICE)


# --- signals


@pytest.mark.parametrize("signal", ["WINCH", "HUP", "USR1"])
@pytest.mark.parametrize("trouble", ["die", "exit 137", "hang"])
def test_harmless_signal_does_not_prevent_remedy_of_later_death(
    stack: Stack, signal: str, trouble: str
) -> None:
    wallet = stack.wallet(shape="pid1")
    stack.sidecar(wallet_config(restart={"polite_stop": "3s"}))
    stack.wait_healthy(WALLET)
    wallet.docker.kill(signal=signal)
    stack.wait_for("the signal", lambda: "kill" in stack.engine_actions(wallet))
    match trouble:
        case "die":
            wallet.end_daemon()
        case "hang":
            wallet.set_fault("silent_client", 120)
        case _:
            wallet.signal_daemon(9)
    action = "restart" if trouble == "hang" else "start"
    stack.wait_outcome(WALLET, action)
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"{action} {WALLET}"]


def test_operator_stop_with_long_timeout_is_respected(
    stack: Stack,
) -> None:
    """``docker stop -t``: the daemon ends by itself when its time is long over."""
    slow = "trap 'sleep 14; exit 0' TERM; while :; do sleep 0.1; done"
    worker = stack.container(
        "sidecar-base:local",
        "worker",
        command=["sh", "-c", slow],
        healthcheck={"test": ["CMD", "true"], "interval": 10**9},
    )
    stack.sidecar(config({"worker": {"probe": {"type": "docker"}}}))
    stack.wait_healthy("worker")
    worker.stop(timeout=30)
    stack.wait_state("worker", "stopped")
    time.sleep(4.0)
    assert stack.watcher.state("worker") == "stopped"
    assert stack.engine_calls() == []


# --- failed starts


def test_failed_start_on_taken_port_is_reported_and_repaired_later(
    stack: Stack,
) -> None:
    port = 18080
    holder = stack.container(
        "sidecar-base:local",
        "holder",
        command=["sleep", "1000"],
        ports={7777: port},
    )
    with pytest.raises(APIError, match="port is already allocated"):
        stack.wallet(ports={7777: port}, restart_policy="always")
    # A target gets six tries an hour: they last until the port is free.
    restart = {"backoff": "5s", "budget": 20, "window": "2h", "backoff_max": "5s"}
    watcher = stack.sidecar(wallet_config(restart=restart))

    target = stack.wait_state(WALLET, "down", "recovering")
    assert target["cause"] == "not_running"
    opened = stack.wait_for(
        "an incident",
        lambda: [r for r in watcher.records(WALLET) if "incident opened" in r.message],
    )
    assert len(opened) == 1
    assert "the engine could not start it" in opened[0].message
    assert "port is already allocated" in opened[0].message
    holder.remove(force=True)
    stack.wait_healthy(WALLET)
    stack.wait_for(
        "the incident is resolved",
        lambda: any("incident resolved" in r.message for r in watcher.records(WALLET)),
    )


# --- jobs


def test_job_that_exits_with_0_is_left_alone(stack: Stack) -> None:
    job = stack.container(
        "sidecar-base:local",
        "job",
        command=["sh", "-c", "trap 'exit 0' TERM; sleep 6"],
        labels={"autoheal": "true"},
        healthcheck={"test": ["CMD", "true"], "interval": 10**9},
    )
    watcher = stack.sidecar(env={"SIDECAR_WATCH_LABEL": "autoheal"})
    stack.wait_state("job", "stopped")
    time.sleep(5.0)
    target = watcher.target("job")
    assert (target["state"], target["reason"]) == (
        "stopped",
        "its work is done (exit 0)",
    )
    job.reload()
    assert job.status == "exited"
    assert stack.engine_calls() == []
    assert watcher.status_view()["incidents"] == []


# --- without the engine's events


def start_sidecar_without_events(stack: Stack) -> SidecarBox:
    """A sidecar behind a filter that forbids /events."""
    stack.proxy.answer("GET", "^/events", 403, '{"message": "forbidden by the filter"}')
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    return watcher


@pytest.mark.parametrize("exit_code", [0, 137, 143])
def test_exit_is_followed_by_start_without_event_stream(
    stack: Stack, exit_code: int
) -> None:
    wallet = stack.wallet(shape="init")
    start_sidecar_without_events(stack)
    if exit_code:
        wallet.signal_daemon(exit_code - 128)
    else:
        wallet.rpc("stop")
    stack.wait_outcome(WALLET, "start")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"start {WALLET}"]


def test_operator_stop_is_respected_without_event_stream(
    stack: Stack,
) -> None:
    wallet = stack.wallet(shape="init", restart_policy="unless-stopped")
    watcher = start_sidecar_without_events(stack)
    wallet.docker.stop(timeout=3)
    stack.wait_state(WALLET, "stopped")
    time.sleep(35.0)
    assert (watcher.state(WALLET), stack.engine_calls()) == ("stopped", [])


def test_readiness_names_reason_without_event_stream(stack: Stack) -> None:
    stack.wallet()
    watcher = start_sidecar_without_events(stack)
    records = stack.wait_for(
        "a record",
        lambda: [r for r in watcher.records() if "by the list alone" in r.message],
    )
    assert len(records) == 1
    ready = watcher.ask("GET", 9787, "/readyz")
    assert ready.status_code == 200
    parts = {part["name"]: part for part in ready.json()["components"]}
    assert "forbidden by the filter" in parts["event_stream"]["reason"]
