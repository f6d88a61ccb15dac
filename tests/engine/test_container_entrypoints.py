"""The daemon as PID 1, under an init, and under a wrapper that outlives it."""

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    WALLET,
    Shape,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_config,
    wallet_target,
)
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SHAPES: tuple[Shape, ...] = ("pid1", "init", "wrapper")
SLOW_CADENCE = {**QUICK, "interval": "3s", "fast_interval": "3s"}
"""A busy machine, too, looks at the processes between two failures."""

LISTINGS = 'sidecar_engine_requests_total{operation="top",outcome="ok"} '


def start_healthy(
    stack: Stack, shape: Shape, cadence: Mapping[str, object] = QUICK
) -> tuple[WalletBox, SidecarBox]:
    wallet = stack.wallet(shape=shape)
    watcher = stack.sidecar(config({WALLET: wallet_target()}, defaults=cadence))
    stack.wait_healthy(WALLET)
    return wallet, watcher


def wait_process_seen(stack: Stack) -> None:
    """Wait until Sidecar has seen the processes of the healthy daemon."""

    def is_seen() -> bool:
        records = stack.watcher.records(WALLET)
        healthy = next(r for r in records if r.fields.get("state") == "healthy")
        asked = [r.at for r in stack.proxy.requests if r.verb == "top"]
        # One that was asked before is about a daemon that was silent or late.
        is_asked = bool(asked) and asked[-1] > unix_time(healthy.at)
        return is_asked and f"{LISTINGS}{len(asked)}.0" in stack.watcher.metrics()

    stack.wait_for("its processes are listed", is_seen)


def wait_process_followed(stack: Stack) -> None:
    """Wait until the kernel is to report the daemon's end to Sidecar."""

    def is_followed() -> bool:
        rows = stack.watcher.docker.top(ps_args="-eo pid,args")["Processes"]
        files = [file for pid, _ in rows for file in Path(f"/proc/{pid}/fd").iterdir()]
        return "anon_inode:[pidfd]" in [str(file.readlink()) for file in files]

    stack.wait_for("its process is followed", is_followed)


def wait_recovered(stack: Stack, action: str) -> None:
    stack.wait_outcome(WALLET, action, deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)


@pytest.mark.parametrize("shape", SHAPES)
def test_dead_daemon_is_restarted_with_its_wallet(stack: Stack, shape: Shape) -> None:
    wallet, watcher = start_healthy(stack, shape)
    before = wallet.started_at

    wallet.end_daemon()

    # A wrapper stays when the daemon dies; elsewhere the container ends with it.
    action, cause = (
        ("restart", "refused") if shape == "wrapper" else ("start", "not_running")
    )
    wait_recovered(stack, action)
    assert wallet.wallets()
    assert wallet.started_at != before
    assert stack.engine_calls() == [f"{action} {WALLET}"]
    assert watcher.decisions(WALLET, action)[0].fields["cause"] == cause


@pytest.mark.parametrize("shape", SHAPES)
def test_frozen_daemon_is_restarted_with_its_wallet(stack: Stack, shape: Shape) -> None:
    wallet, watcher = start_healthy(stack, shape)

    wallet.signal_daemon(signal.SIGSTOP)

    wait_recovered(stack, "restart")
    assert wallet.wallets()
    # Continued, it obeys its own stop; a wrapper goes on without it.
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.lifecycle_calls() == [f"{verb} {WALLET}"]
    (decided,) = watcher.decisions(WALLET, "restart")
    assert decided.fields["cause"] == "hung"
    assert "stopped (state T)" in decided.message


def start_under_supervisor(stack: Stack, pause_s: int) -> tuple[WalletBox, SidecarBox]:
    """A daemon that a script's loop starts again ``pause_s`` after it has ended."""
    loop = f"while :; do python /app/wallet.py daemon; sleep {pause_s}; done"
    path = {"PYTHONPATH": "/opt/jsonrpclib/pinned"}
    wallet = stack.wallet(entrypoint=["sh", "-c", loop], env=path)
    # Three failures take long enough to see that the daemon's process has gone.
    target = wallet_target(restart={"self_restart_grace": "20s"})
    watcher = stack.sidecar(config({WALLET: target}, defaults=SLOW_CADENCE))
    stack.wait_healthy(WALLET)
    return wallet, watcher


def test_daemon_without_process_is_restarted_at_first_refusal(stack: Stack) -> None:
    wallet, watcher = start_healthy(stack, "wrapper", SLOW_CADENCE)
    wait_process_seen(stack)

    wallet.end_daemon()

    wait_recovered(stack, "restart")
    (decided,) = watcher.decisions(WALLET, "restart")
    assert "failure 1: " in decided.message
    assert "the process that served has gone" in decided.message


def test_daemon_restarted_by_its_supervisor_is_left_alone(
    stack: Stack,
) -> None:
    wallet, watcher = start_under_supervisor(stack, 8)
    wait_process_seen(stack)
    before = wallet.started_at

    wallet.end_daemon()

    hold = stack.wait_decision(WALLET, "hold")
    assert hold.fields["guard"] in {"threshold", "self_restart"}
    wait_loaded(stack, 2)
    assert wallet.wallets()
    assert wallet.started_at == before
    assert stack.engine_calls() == []
    guards = {record.fields.get("guard") for record in watcher.decisions(WALLET)}
    assert "self_restart" in guards


def start_with_long_interval(stack: Stack) -> tuple[WalletBox, SidecarBox]:
    """Start with the host's PID namespace, and with an interval too long to help."""
    wallet = stack.wallet(shape="wrapper")
    cadence = {**SLOW_CADENCE, "interval": "10m"}
    watcher = stack.sidecar(
        config({WALLET: wallet_target()}, defaults=cadence), pid_mode="host"
    )
    stack.wait_healthy(WALLET)
    return wallet, watcher


def test_death_is_detected_at_once_with_host_pid_namespace(
    stack: Stack,
) -> None:
    wallet, watcher = start_with_long_interval(stack)
    wait_process_followed(stack)

    wallet.signal_daemon(signal.SIGKILL)

    wait_recovered(stack, "restart")
    (decided,) = watcher.decisions(WALLET, "restart")
    assert "the process that served has gone" in decided.message


def test_restarted_process_is_followed_with_host_pid_namespace(
    stack: Stack,
) -> None:
    loop = "while :; do python /app/wallet.py daemon; sleep 1; done"
    path = {"PYTHONPATH": "/opt/jsonrpclib/pinned"}
    wallet = stack.wallet(entrypoint=["sh", "-c", loop], env=path)
    stack.sidecar(wallet_config(), pid_mode="host")
    stack.wait_healthy(WALLET)
    for loads in (2, 3):
        wait_process_followed(stack)
        wallet.end_daemon()
        wait_loaded(stack, loads)
    assert stack.engine_calls() == []


def wait_loaded(stack: Stack, times: int) -> None:
    stack.wait_outcome(WALLET, "load_wallet", times=times, deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)
