"""The daemon as PID 1, under an init, and under a wrapper that outlives it."""

import signal
import time
from datetime import datetime

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

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

SHAPES: tuple[Shape, ...] = ("pid1", "init", "wrapper")


def healthy(stack: Stack, shape: Shape) -> tuple[WalletBox, SidecarBox]:
    wallet = stack.wallet(shape=shape)
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    return wallet, watcher


def wait_recovered(stack: Stack, action: str) -> None:
    stack.wait_for(
        f"the {action} is found to have helped",
        lambda: (action, "recovered") in stack.watcher.outcomes(WALLET),
        2 * DEADLINE_S,
    )
    stack.wait_healthy(WALLET)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dead_daemon_comes_back_with_its_wallet(stack: Stack, shape: Shape) -> None:
    wallet, watcher = healthy(stack, shape)
    before = wallet.started_at

    wallet.fault("die")

    # A wrapper stays when the daemon dies; elsewhere the container ends with it.
    action, cause = (
        ("restart", "refused") if shape == "wrapper" else ("start", "not_running")
    )
    wait_recovered(stack, action)
    assert wallet.wallets()
    assert wallet.started_at != before
    assert stack.asked() == [f"{action} {WALLET}"]
    assert watcher.decisions(WALLET, action)[0].fields["cause"] == cause


@pytest.mark.parametrize("shape", SHAPES)
def test_a_frozen_daemon_is_restarted_and_has_its_wallet_again(
    stack: Stack, shape: Shape
) -> None:
    wallet, watcher = healthy(stack, shape)

    wallet.signal_daemon(signal.SIGSTOP)

    wait_recovered(stack, "restart")
    assert wallet.wallets()
    # Continued, it obeys its own stop; a wrapper goes on without it.
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.runs_asked() == [f"{verb} {WALLET}"]
    (decided,) = watcher.decisions(WALLET, "restart")
    assert decided.fields["cause"] == "hung"
    assert "stopped (state T)" in decided.message


def under_supervisor(stack: Stack, pause_s: int) -> tuple[WalletBox, SidecarBox]:
    """A daemon that a script's loop starts again ``pause_s`` after it has ended."""
    loop = f"while :; do python /app/wallet.py daemon; sleep {pause_s}; done"
    path = {"PYTHONPATH": "/opt/jsonrpclib/pinned"}
    wallet = stack.wallet(entrypoint=["sh", "-c", loop], env=path)
    watcher = stack.sidecar(wallet_config(restart={"self_restart_grace": "8s"}))
    stack.wait_healthy(WALLET)
    return wallet, watcher


def test_a_daemon_that_has_gone_is_certain_at_the_first_refusal(stack: Stack) -> None:
    wallet, watcher = healthy(stack, "wrapper")

    wallet.fault("die")

    wait_recovered(stack, "restart")
    (decided,) = watcher.decisions(WALLET, "restart")
    assert "failure 1: " in decided.message
    assert "the process that served has gone" in decided.message


def test_a_supervisor_that_starts_the_daemon_again_is_left_to_do_so(
    stack: Stack,
) -> None:
    wallet, watcher = under_supervisor(stack, 5)
    before = wallet.started_at

    wallet.fault("die")

    held = stack.wait_decision(WALLET, "hold")
    assert held.fields["guard"] in {"threshold", "self_restart"}
    wait_loaded(stack, watcher, 2)
    assert wallet.wallets()
    assert wallet.started_at == before
    assert stack.asked() == []
    guards = {record.fields.get("guard") for record in watcher.decisions(WALLET)}
    assert "self_restart" in guards


def seldom_asked(stack: Stack) -> tuple[WalletBox, SidecarBox]:
    """With the host's processes in sight, and an interval that is no help."""
    wallet = stack.wallet(shape="wrapper")
    cadence = {**QUICK, "interval": "20s"}
    watcher = stack.sidecar(
        config({WALLET: wallet_target()}, defaults=cadence), pid_mode="host"
    )
    stack.wait_healthy(WALLET)
    return wallet, watcher


def test_with_the_host_s_processes_in_sight_a_death_is_known_at_once(
    stack: Stack,
) -> None:
    wallet, watcher = seldom_asked(stack)

    wallet.signal_daemon(signal.SIGKILL)
    killed = time.time()

    wait_recovered(stack, "restart")
    (decided,) = watcher.decisions(WALLET, "restart")
    assert "the process that served has gone" in decided.message
    assert datetime.fromisoformat(decided.at).timestamp() - killed < 3.0


def test_with_the_host_s_processes_in_sight_what_is_started_again_is_followed(
    stack: Stack,
) -> None:
    loop = "while :; do python /app/wallet.py daemon; sleep 1; done"
    path = {"PYTHONPATH": "/opt/jsonrpclib/pinned"}
    wallet = stack.wallet(entrypoint=["sh", "-c", loop], env=path)
    watcher = stack.sidecar(wallet_config(), pid_mode="host")
    stack.wait_healthy(WALLET)
    for loads in (2, 3):
        wallet.fault("die")
        wait_loaded(stack, watcher, loads)
    assert stack.asked() == []


def wait_loaded(stack: Stack, watcher: SidecarBox, times: int) -> None:
    loaded = ("load_wallet", "recovered")
    stack.wait_for(
        "the daemon runs again and has its wallet",
        lambda: watcher.outcomes(WALLET).count(loaded) == times,
        2 * DEADLINE_S,
    )
    stack.wait_healthy(WALLET)
