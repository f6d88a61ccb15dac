"""What is in the wallet, before a restart on the real engine and after it."""

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    WALLET,
    Json,
    Stack,
    wallet_config,
)
from tests.support.message_receiver import MessageReceiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

HELD = {"confirmed": "1.5", "unconfirmed": "0.25", "unmatured": "0"}
UNMISTAKABLE = "0.00000001"
PAID = {"confirmed": "2.5", "unconfirmed": "0.25", "unmatured": UNMISTAKABLE}


def told(inbox: MessageReceiver) -> Json:
    """Settings by which a P2 alone is told."""
    routes: dict[str, list[str]] = {"P0": [], "P1": [], "P2": ["ops"], "P3": []}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    return {**wallet_config(), "notify": notify}


def compared(stack: Stack) -> list[Json]:
    """Every comparison on record."""
    entries = stack.watcher.told("/history")["entries"]
    return [dict(entry) for entry in entries if entry["type"] == "balance"]


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
def test_a_payment_during_a_restart_is_noted_and_told_once(
    stack: Stack, inbox: MessageReceiver, killed: bool
) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(told(inbox))
    stack.wait_healthy(WALLET)
    if killed:
        wallet.fault("slow_start", 8.0)

    wallet.fault("http_500")
    wallet.control("PUT", "/balance", PAID)
    stack.wait_decision(WALLET, "restart")
    if killed:
        stack.wait_for("it is at it", lambda: stack.asked() == [f"restart {WALLET}"])
        watcher.docker.kill()
        watcher.docker.start()
        stack.wait_for("the successor answers", watcher.status_view)

    (seen,) = stack.wait_for("it is compared", lambda: compared(stack), 2 * DEADLINE_S)
    assert (seen["before"], seen["after"]) == (HELD, PAID)
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"restart {WALLET}"]
    path = f"/incidents/{seen['incident']}"
    (view,) = stack.watcher.told(path)["balances"]
    assert (view["comparison"], view["after"]) == ("different", PAID)
    assert UNMISTAKABLE not in str(stack.watcher.told(path, token=False))
    (message,) = stack.wait_for("it is told", lambda: inbox.messages)
    assert message["title"] == (
        f"[P2] {WALLET} ({stack.project}): "
        "its wallet's balance is not the same as before"
    )
    assert "Confirmed: 1.5 BCH before, 2.5 BCH after" in message["message"]
    assert "Unmatured: 0 BCH before, 0.00000001 BCH after" in message["message"]
    assert seen["incident"] in message["message"]
    assert UNMISTAKABLE not in watcher.log()
    assert "sidecar_wallet_balance_bch{" not in watcher.metrics()
    stack.wait_probes(WALLET, 3)
    assert len(inbox.messages) == 1


def test_an_operators_restart_without_a_payment_is_noted_and_not_told(
    stack: Stack, inbox: MessageReceiver
) -> None:
    stack.wallet()
    stack.sidecar(told(inbox))
    stack.wait_healthy(WALLET)

    assert stack.watcher.order("restart", WALLET, {"now": True}).ok

    (seen,) = stack.wait_for("it is compared", lambda: compared(stack), 2 * DEADLINE_S)
    assert (seen["comparison"], seen["incident"]) == ("same", None)
    assert seen["before"] == seen["after"] == HELD
    stack.wait_probes(WALLET, 3)
    assert inbox.messages == []
