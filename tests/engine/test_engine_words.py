"""The engine, or somebody before it, says odd things of one container.

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


def with_status(word: str) -> Any:  # noqa: ANN401 - of the gate
    """Alter an inspect's answer: the container is in a state of this name."""

    def change(said: Any) -> object:  # noqa: ANN401 - the engine's JSON
        said["State"]["Status"] = word
        return said

    return change


@pytest.mark.parametrize("trouble", ["stopping", "zombie", "500", "null", "silent"])
def test_one_container_that_cannot_be_read_blinds_nobody(
    stack: Stack, trouble: str
) -> None:
    wallet, service = stack.wallet(), stack.service()
    path = f"/containers/{service.id}/json"
    match trouble:
        case "500":
            said = '{"message": "layer is broken"}'
            stack.gate.answer("GET", path, 500, said)
        case "silent":
            stack.gate.answer("GET", path, 200, "{}", after_s=8.0)
        case "null":
            stack.gate.alter(path, lambda seen: seen | {"State": None})
        case _:
            stack.gate.alter(path, with_status(trouble))
    watcher = stack.sidecar(pair_config())

    stack.wait_healthy(WALLET)
    seen = stack.wait_state(SERVICE, "unknown")
    assert "what its container is doing is not known" in seen["reason"]
    wallet.fault("die")
    stack.wait_for(
        "the wallet is healed",
        lambda: ("restart", "recovered") in watcher.outcomes(WALLET),
    )
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"restart {WALLET}"]
    told = [r for r in watcher.records() if "is not known" in r.message]
    assert [(r.target, r.level) for r in told] == [(SERVICE, "warning")]
    assert not any("the engine is lost" in r.message for r in watcher.records())
    assert "<" not in watcher.target(SERVICE)["reason"]

    stack.gate.pass_all()
    stack.wait_healthy(WALLET, SERVICE)


# --- signals


@pytest.mark.parametrize("signal", ["WINCH", "HUP", "USR1"])
@pytest.mark.parametrize("trouble", ["die", "exit 137", "hang"])
def test_a_signal_that_ends_nothing_excuses_no_death(
    stack: Stack, signal: str, trouble: str
) -> None:
    wallet = stack.wallet(shape="pid1")
    watcher = stack.sidecar(wallet_config(restart={"polite_stop": "3s"}))
    stack.wait_healthy(WALLET)
    wallet.docker.kill(signal=signal)
    stack.wait_for("the signal", lambda: "kill" in stack.happened(wallet))
    match trouble:
        case "die":
            wallet.fault("die")
        case "hang":
            wallet.fault("silent_client", 120)
        case _:
            wallet.signal_daemon(9)
    action = "restart" if trouble == "hang" else "start"
    stack.wait_for(
        "it is healed", lambda: (action, "recovered") in watcher.outcomes(WALLET)
    )
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"{action} {WALLET}"]


def test_a_stop_that_is_given_more_time_than_its_own_is_respected(
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
    assert stack.asked() == []


# --- what could not be started


def test_a_deploy_that_fails_on_a_taken_port_is_told_and_mended_once_it_is_free(
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
    restart = {"backoff": "1s", "budget": 20, "window": "2h", "backoff_max": "1s"}
    watcher = stack.sidecar(wallet_config(restart=restart))

    seen = stack.wait_state(WALLET, "down", "recovering")
    stack.wait_for("an incident", lambda: watcher.status_view()["incidents"])
    opened = [r for r in watcher.records(WALLET) if "incident opened" in r.message]
    assert seen["cause"] == "not_running"
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


def test_a_job_that_ends_well_is_left_alone(stack: Stack) -> None:
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
    seen = watcher.target("job")
    assert (seen["state"], seen["reason"]) == ("stopped", "its work is done (exit 0)")
    job.reload()
    assert job.status == "exited"
    assert stack.asked() == []
    assert watcher.status_view()["incidents"] == []


# --- without the engine's events


def deaf_sidecar(stack: Stack) -> SidecarBox:
    """Behind a filter that forbids /events."""
    stack.gate.answer("GET", "^/events", 403, '{"message": "forbidden by the filter"}')
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    return watcher


@pytest.mark.parametrize("exit_code", [0, 137, 143])
def test_without_events_an_exit_by_itself_is_healed(
    stack: Stack, exit_code: int
) -> None:
    wallet = stack.wallet(shape="init")
    watcher = deaf_sidecar(stack)
    if exit_code:
        wallet.signal_daemon(exit_code - 128)
    else:
        wallet.rpc("stop")
    stack.wait_for(
        "it is started", lambda: ("start", "recovered") in watcher.outcomes(WALLET)
    )
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"start {WALLET}"]


def test_without_events_a_stop_of_what_the_engine_restarts_is_respected(
    stack: Stack,
) -> None:
    wallet = stack.wallet(shape="init", restart_policy="unless-stopped")
    watcher = deaf_sidecar(stack)
    wallet.docker.stop(timeout=3)
    stack.wait_state(WALLET, "stopped")
    time.sleep(35.0)
    assert (watcher.state(WALLET), stack.asked()) == ("stopped", [])


def test_without_events_the_view_is_degraded_and_says_why(stack: Stack) -> None:
    stack.wallet()
    watcher = deaf_sidecar(stack)
    ready = watcher.ask("GET", 9787, "/readyz")
    assert ready.status_code == 200
    parts = {part["name"]: part for part in ready.json()["components"]}
    assert "forbidden by the filter" in parts["event_stream"]["reason"]
    told = [r for r in watcher.records() if "by the list alone" in r.message]
    assert len(told) == 1
