"""The engine answers late, not at all, or is gone for a while."""

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    WALLET,
    Stack,
    config,
    wallet_config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]


def test_restart_without_engine_answer_is_counted_once(stack: Stack) -> None:
    # The wrapper ends at once. Our own deadline is 15 s beyond the stop timeout.
    slow = {"stop_timeout": "60s", "dead_stop_timeout": "60s", "window": "10m"}
    target = wallet_target(restart=slow)
    wallet = stack.wallet()
    watcher = stack.sidecar(config({WALLET: target}))
    stack.wait_healthy(WALLET)
    stack.proxy.keep_back("restart")

    wallet.end_daemon()

    stack.wait_outcome(WALLET, "restart", deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"restart {WALLET}"]
    assert stack.starts(wallet) == 2
    assert watcher.target(WALLET)["restarts"]["total"] == 1
    messages = [record.message for record in watcher.records(WALLET)]
    assert sum("the engine's answer is late" in m for m in messages) == 1
    (ended,) = (r for r in watcher.records(WALLET) if "restart ended" in r.message)
    assert ended.fields["seconds"] < 60.0  # our own deadline is 75 s


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_error_of_proxy_is_not_taken_as_failed_restart(
    stack: Stack, status: int
) -> None:
    # It ends 4 s after the signal: the proxy's answer comes before.
    wallet = stack.wallet(shape="pid1")
    target = wallet_target(restart={"stop_timeout": "4s", "dead_stop_timeout": "4s"})
    watcher = stack.sidecar(config({WALLET: target}))
    stack.wait_healthy(WALLET)
    stack.proxy.answer("POST", "/restart", status, after_s=2.0, forward=True)

    wallet.set_fault("http_500")

    stack.wait_outcome(WALLET, "restart", deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"restart {WALLET}"]
    assert stack.starts(wallet) == 2
    assert watcher.target(WALLET)["restarts"]["total"] == 1
    assert not any("<" in r.message for r in watcher.records())


def test_probes_continue_without_engine_and_remedies_resume_with_it(
    stack: Stack,
) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)

    stack.proxy.shut()
    stack.wait_for(
        "the engine is missed",
        lambda: any("the engine is lost" in r.message for r in watcher.records()),
    )
    assert not watcher.status_view()["ready"]
    wallet.end_daemon()
    stack.wait_state(WALLET, "down")
    stack.wait_decision(WALLET, "hold")
    stack.wait_for("it is refused", lambda: watcher.cause(WALLET) == "refused")
    # 20 s of absence: the probes of the fast lane alone are more than 60.
    stack.wait_probes(WALLET, 60, 2 * DEADLINE_S)
    assert watcher.target(WALLET)["last_decision"]["guard"] == "engine"
    assert stack.engine_calls() == []

    stack.proxy.reopen()

    stack.wait_outcome(WALLET, "restart", deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)
    stack.wait_for("ready again", lambda: watcher.status_view()["ready"])
    assert stack.engine_calls() == [f"restart {WALLET}"]
