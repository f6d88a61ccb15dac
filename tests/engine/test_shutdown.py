"""SIGTERM to the sidecar during a restart: no container stays stopped."""

import signal
import time

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
from tests.support.daemon_stop import (
    delay_news,
    has_stopped,
    is_rpc_pending,
    order_restart,
    wait_ended,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

# Promised are 10 s to finish and some more to close; the rest is the machine's.
EXIT_S = 25.0
# A daemon holds its stop for so long, unless the test ends that.
HELD_S = 60.0


def rarely_probed_config(**restart: object) -> Json:
    """A configuration whose probes are too rare to interfere with the test."""
    target = wallet_target(restart={"stop_timeout": "5s", **restart})
    cadence = {**QUICK, "interval": "60s"}
    return config({WALLET: target}, defaults=cadence)


def start_healthy(
    stack: Stack, shape: Shape, settings: Json
) -> tuple[WalletBox, SidecarBox]:
    box = stack.wallet(shape=shape)
    watcher = stack.sidecar(settings)
    stack.wait_healthy(WALLET)
    return box, watcher


def terminate(watcher: SidecarBox) -> None:
    watcher.docker.kill(signal="SIGTERM")


def wait_exit(watcher: SidecarBox) -> tuple[int, float]:
    """Exit code, and seconds until the exit."""
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
def test_sigterm_during_rpc_stop_leaves_restart_to_successor(
    stack: Stack, shape: Shape
) -> None:
    wallet, watcher = start_healthy(stack, shape, rarely_probed_config())
    before = wallet.started_at
    wallet.set_fault("slow_answers", HELD_S)
    order_restart(stack)
    stack.wait_for("the stop is on its way", lambda: is_rpc_pending(wallet))
    assert stack.engine_calls() == []

    terminate(watcher)
    code, seconds = wait_exit(watcher)

    assert (code, seconds < EXIT_S) == (0, True), seconds
    # The daemon executes the stop later; the successor finishes the restart.
    wallet.clear_fault("slow_answers")
    stack.wait_for("the daemon has stopped", lambda: has_stopped(wallet))
    assert stack.engine_calls() == []
    watcher.docker.start()
    wait_answers_again(stack, wallet, before)
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.engine_calls() == [f"{verb} {WALLET}"]


@pytest.mark.parametrize(
    ("shape", "action"), [("pid1", "start"), ("wrapper", "restart")]
)
def test_sigterm_after_rpc_stop_still_restarts_daemon(
    stack: Stack, shape: Shape, action: str
) -> None:
    wallet, watcher = start_healthy(stack, shape, rarely_probed_config())
    before = wallet.started_at
    wallet.set_fault("slow_answers", HELD_S)
    order_restart(stack)
    stack.wait_for("the stop is on its way", lambda: is_rpc_pending(wallet))
    daemon = wallet.daemon_process()
    # From here on the sidecar learns late that the daemon has stopped.
    is_told = delay_news(stack, wallet)
    wallet.clear_fault("slow_answers")
    wait_ended(stack, daemon)
    assert stack.engine_calls() == []

    terminate(watcher)
    is_told.set()
    code, seconds = wait_exit(watcher)

    assert (code, seconds < EXIT_S) == (0, True), seconds
    wait_answers_again(stack, wallet, before)
    assert len(stack.engine_calls()) == 1
    # Seen in time, an ended container is started; a restart of it does the same.
    assert stack.engine_calls()[0] in {f"{action} {WALLET}", f"restart {WALLET}"}


def test_sigterm_during_long_engine_restart_exits_and_restart_completes(
    stack: Stack,
) -> None:
    # As PID 1 it ignores SIGTERM, so the engine waits out the whole stop timeout.
    settings = rarely_probed_config(
        stop_timeout="60s",
        recovery_timeout="90s",
        window="10m",
        graceful_rpc_stop=False,
    )
    wallet, watcher = start_healthy(stack, "pid1", settings)
    before = wallet.started_at
    order_restart(stack)
    stack.wait_for(
        "the engine is at it", lambda: stack.engine_calls() == [f"restart {WALLET}"]
    )

    terminate(watcher)
    code, seconds = wait_exit(watcher)

    assert (code, seconds < EXIT_S) == (0, True), seconds
    assert wallet.started_at == before
    wallet.signal_daemon(signal.SIGKILL)
    wait_answers_again(stack, wallet, before)
    assert stack.engine_calls() == [f"restart {WALLET}"]


def time_exit(stack: Stack, watcher: SidecarBox) -> float:
    """Seconds until the exit of a sidecar without a remedy in hand."""
    watcher.docker.start()
    stack.wait_healthy(WALLET)
    terminate(watcher)
    code, seconds = wait_exit(watcher)
    assert code == 0
    return seconds


def test_sigterm_without_remedy_exits_at_once(stack: Stack) -> None:
    wallet, watcher = start_healthy(stack, "wrapper", rarely_probed_config())
    before = wallet.started_at

    # Not the 10 s that a restart in hand would be given; it has three tries.
    assert any(time_exit(stack, watcher) < 10.0 for _ in range(3))
    assert wallet.started_at == before
    assert stack.engine_calls() == []
