"""SIGTERM to the sidecar in the middle of a restart: no container is left stopped."""

import time
from pathlib import Path

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    WALLET,
    Json,
    Shape,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

# Promised are 10 s to finish and some more to close; the rest is the machine's.
EXIT_S = 25.0
RPC_PORT, ESTABLISHED = "1E61", "01"
"""7777 and a state as /proc/net/tcp writes them."""


def calm(**restart: object) -> Json:
    """Probed too rarely to come between a test and its restart."""
    target = wallet_target(restart={"stop_timeout": "5s", **restart})
    seldom = {**QUICK, "interval": "60s"}
    return config({WALLET: target}, defaults=seldom)


def begin(stack: Stack, shape: Shape, settings: Json) -> tuple[WalletBox, SidecarBox]:
    box = stack.wallet(shape=shape)
    watcher = stack.sidecar(settings)
    stack.wait_healthy(WALLET)
    return box, watcher


def rpc_in_hand(wallet: WalletBox) -> bool:
    """Does a client wait for the daemon's answer?"""
    table = Path(f"/proc/{wallet.daemon_process()}/net/tcp").read_text()
    rows = [line.split() for line in table.splitlines()[1:]]
    return any(r[1].endswith(f":{RPC_PORT}") and r[3] == ESTABLISHED for r in rows)


def order_restart(stack: Stack) -> None:
    answer = stack.watcher.order("restart", WALLET)
    assert answer.status_code == 202, answer.text


def terminate(watcher: SidecarBox) -> None:
    watcher.docker.kill(signal="SIGTERM")


def exit_of(watcher: SidecarBox) -> tuple[int, float]:
    """Its exit code, and how many seconds after now it came."""
    began = time.monotonic()
    code = watcher.docker.wait(timeout=60)["StatusCode"]
    return code, time.monotonic() - began


def wait_answers_again(stack: Stack, wallet: WalletBox, before: str) -> None:
    def again() -> bool:
        assert wallet.status == "running"
        assert wallet.started_at != before
        return bool(wallet.rpc("ping"))

    stack.wait_for("a new run of the daemon answers", again, 2 * DEADLINE_S)


@pytest.mark.parametrize("shape", ["pid1", "wrapper"])
def test_asked_to_go_while_the_daemon_is_asked_to_stop(
    stack: Stack, shape: Shape
) -> None:
    wallet, watcher = begin(stack, shape, calm())
    before = wallet.started_at
    wallet.fault("slow_answers", 8)
    order_restart(stack)
    stack.wait_for("the stop is on its way", lambda: rpc_in_hand(wallet))
    assert stack.asked() == []

    terminate(watcher)
    code, seconds = exit_of(watcher)

    assert (code, seconds < EXIT_S) == (0, True), seconds
    # It obeys when it comes to it; whoever comes next finishes what was begun.
    stack.wait_for("the daemon has stopped", lambda: has_stopped(wallet))
    assert stack.asked() == []
    watcher.docker.start()
    wait_answers_again(stack, wallet, before)
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.asked() == [f"{verb} {WALLET}"]


@pytest.mark.parametrize(
    ("shape", "action"), [("pid1", "start"), ("wrapper", "restart")]
)
def test_asked_to_go_after_the_daemon_stopped_and_before_the_engine_was_asked(
    stack: Stack, shape: Shape, action: str
) -> None:
    wallet, watcher = begin(stack, shape, calm())
    before = wallet.started_at
    wallet.fault("slow_answers", 2)
    order_restart(stack)
    stack.wait_for("the stop is on its way", lambda: rpc_in_hand(wallet))
    # From here on the sidecar learns late what became of the daemon.
    stack.gate.lag_s = 2.0
    stack.wait_for("the daemon has stopped", lambda: has_stopped(wallet))
    assert stack.asked() == []

    terminate(watcher)
    code, seconds = exit_of(watcher)

    assert (code, seconds < EXIT_S) == (0, True), seconds
    wait_answers_again(stack, wallet, before)
    assert len(stack.asked()) == 1
    # Seen in time, an ended container is started; a restart of it does the same.
    assert stack.asked()[0] in {f"{action} {WALLET}", f"restart {WALLET}"}


def has_stopped(wallet: WalletBox) -> bool:
    if wallet.status != "running":
        return True
    # None for a container that ends at this moment.
    rows = wallet.docker.top(ps_args="-eo pid,args")["Processes"] or ()
    return not any("wallet.py daemon" in row[1] for row in rows)


def test_asked_to_go_while_the_engine_takes_longer_than_there_is_time(
    stack: Stack,
) -> None:
    # As PID 1 it ignores SIGTERM, so the engine waits out the whole stop timeout.
    settings = calm(stop_timeout="25s", recovery_timeout="25s", graceful_rpc_stop=False)
    wallet, watcher = begin(stack, "pid1", settings)
    before = wallet.started_at
    order_restart(stack)
    stack.wait_for(
        "the engine is at it", lambda: stack.asked() == [f"restart {WALLET}"]
    )

    terminate(watcher)
    code, seconds = exit_of(watcher)

    assert (code, seconds < EXIT_S) == (0, True), seconds
    assert wallet.started_at == before
    wait_answers_again(stack, wallet, before)
    assert stack.asked() == [f"restart {WALLET}"]


def test_asked_to_go_with_nothing_in_hand_it_goes_at_once(stack: Stack) -> None:
    wallet, watcher = begin(stack, "wrapper", calm())
    before = wallet.started_at

    terminate(watcher)
    code, seconds = exit_of(watcher)

    # Not the 10 s that a restart in hand would be given.
    assert (code, seconds < 10.0) == (0, True), seconds
    assert wallet.started_at == before
    assert stack.asked() == []
