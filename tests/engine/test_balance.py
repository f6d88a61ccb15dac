"""The wallet's balance before and after a restart on the real engine."""

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    WALLET,
    Json,
    SidecarBox,
    Stack,
    WalletBox,
    wallet_config,
)
from tests.support.message_receiver import MessageReceiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

HELD = {"confirmed": "1.5", "unconfirmed": "0.25", "unmatured": "0"}
UNMISTAKABLE = "0.00000001"
PAID = {"confirmed": "2.5", "unconfirmed": "0.25", "unmatured": UNMISTAKABLE}


def config_with_channel(inbox: MessageReceiver) -> Json:
    """Settings with a channel for P2 only."""
    routes: dict[str, list[str]] = {"P0": [], "P1": [], "P2": ["ops"], "P3": []}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    return {**wallet_config(), "notify": notify}


def list_comparisons(stack: Stack) -> list[Json]:
    """Every comparison on record."""
    entries = stack.watcher.get_api("/history")["entries"]
    return [dict(entry) for entry in entries if entry["type"] == "balance"]


def pay_once_it_fails(watcher: SidecarBox, wallet: WalletBox) -> None:
    """The daemon is not restarted before it is paid: later it would refuse that."""
    assert watcher.order("pause", WALLET).ok
    wallet.set_fault("http_500")
    wallet.control("PUT", "/balance", PAID)
    assert watcher.order("resume", WALLET).ok


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
def test_payment_during_restart_is_recorded_and_reported_once(
    stack: Stack, inbox: MessageReceiver, killed: bool
) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(config_with_channel(inbox))
    stack.wait_healthy(WALLET)
    if killed:
        wallet.set_fault("slow_start", 8.0)

    pay_once_it_fails(watcher, wallet)
    stack.wait_decision(WALLET, "restart")
    if killed:
        stack.wait_for(
            "it is at it", lambda: stack.engine_calls() == [f"restart {WALLET}"]
        )
        watcher.docker.kill()
        watcher.docker.start()
        stack.wait_for("the successor answers", watcher.status_view)

    (comparison,) = stack.wait_for(
        "it is compared", lambda: list_comparisons(stack), 2 * DEADLINE_S
    )
    assert (comparison["before"], comparison["after"]) == (HELD, PAID)
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"restart {WALLET}"]
    path = f"/incidents/{comparison['incident']}"
    (view,) = stack.watcher.get_api(path)["balances"]
    assert (view["comparison"], view["after"]) == ("different", PAID)
    assert UNMISTAKABLE not in str(stack.watcher.get_api(path, token=False))
    (message,) = stack.wait_for("it is told", lambda: inbox.messages)
    assert message["title"] == (
        f"[P2] {WALLET} ({stack.project}): "
        "its wallet's balance is not the same as before"
    )
    assert "Confirmed: 1.5 BCH before, 2.5 BCH after" in message["message"]
    assert "Unmatured: 0 BCH before, 0.00000001 BCH after" in message["message"]
    assert comparison["incident"] in message["message"]
    assert UNMISTAKABLE not in watcher.log()
    assert "sidecar_wallet_balance_bch{" not in watcher.metrics()
    stack.wait_probes(WALLET, 3)
    assert len(inbox.messages) == 1


def test_operator_restart_without_payment_is_recorded_and_not_reported(
    stack: Stack, inbox: MessageReceiver
) -> None:
    stack.wallet()
    stack.sidecar(config_with_channel(inbox))
    stack.wait_healthy(WALLET)

    assert stack.watcher.order("restart", WALLET, {"now": True}).ok

    (comparison,) = stack.wait_for(
        "it is compared", lambda: list_comparisons(stack), 2 * DEADLINE_S
    )
    assert (comparison["comparison"], comparison["incident"]) == ("same", None)
    assert comparison["before"] == comparison["after"] == HELD
    stack.wait_probes(WALLET, 3)
    assert inbox.messages == []
