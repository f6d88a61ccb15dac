"""Restarts of a root and of a service that depends on it.

Timings are harness.QUICK; settle is QUICK_SETTLE.
"""

import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    SERVICE,
    WALLET,
    Record,
    ServiceBox,
    Stack,
    WalletBox,
    config,
    service_target,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

SETTLE_S = 5.0
LONG_SETTLE = "20s"
"""Time enough for a dependent that works again as soon as its root does."""
RESTARTED_AND_WELL = [("restart", "recovered")]


def start_pair(
    stack: Stack, *, sticky: bool = False, boot_s: float = 0.4, **service: object
) -> tuple[WalletBox, ServiceBox]:
    """Both of them, healthy."""
    wallet = stack.wallet(env={"BOOT_SECONDS": str(boot_s)})
    # A sticky service holds it against the wallet when it finds it unloaded.
    stack.wait_for("the wallet is loaded", lambda: wallet.rpc("load_wallet"))
    dependent = stack.service(sticky=sticky)
    # No daemon hangs here: one that a busy machine keeps silent is left alone.
    targets = {
        WALLET: wallet_target({"hang_after": "60s"}),
        SERVICE: service_target(**service),
    }
    stack.sidecar(config(targets))
    stack.wait_healthy(WALLET, SERVICE)
    return wallet, dependent


def kill_wallet(
    stack: Stack, wallet: WalletBox, what: str, noticed: Callable[[], object]
) -> None:
    """The wallet dies, and does not come back before ``noticed`` is true."""
    wallet.set_fault("slow_start", 10 * DEADLINE_S)
    wallet.signal_daemon(signal.SIGKILL)
    stack.wait_for(what, noticed)
    wallet.clear_fault("slow_start")


def list_holds_for_root(stack: Stack) -> list[Record]:
    """Decisions to hold the dependent because of its root."""
    return [
        decision
        for decision in stack.watcher.decisions(SERVICE, "hold")
        if decision.fields.get("guard") in {"dependency", "remedy_running"}
        and WALLET in decision.message
    ]


def count_actions(stack: Stack, box: WalletBox | ServiceBox) -> Counter[str]:
    """Number of each engine action on the container, without signals."""
    return Counter(a for a in stack.engine_actions(box) if a != "kill")


def test_dependent_that_fails_alone_is_restarted_alone(stack: Stack) -> None:
    wallet, dependent = start_pair(stack)
    dependent.control("fail", {"reason": "told to fail by the test"})
    stack.wait_for(
        "it is restarted",
        lambda: stack.watcher.outcomes(SERVICE) == RESTARTED_AND_WELL,
    )
    stack.wait_healthy(WALLET, SERVICE)
    stack.wait_probes(SERVICE, 3)
    assert stack.engine_calls() == ["restart bitcoincash-service"]
    assert count_actions(stack, wallet) == Counter(start=1)
    assert count_actions(stack, dependent) == Counter(start=2, stop=1, die=1, restart=1)


def test_dependent_that_exits_alone_is_started_alone(stack: Stack) -> None:
    wallet, dependent = start_pair(stack)
    dependent.control("exit", {"status": 3})
    stack.wait_for(
        "it is started",
        lambda: stack.watcher.outcomes(SERVICE) == [("start", "recovered")],
    )
    stack.wait_healthy(WALLET, SERVICE)
    assert stack.engine_calls() == ["start bitcoincash-service"]
    assert count_actions(stack, wallet) == Counter(start=1)
    assert count_actions(stack, dependent) == Counter(start=2, die=1)


def test_dependent_that_recovers_with_its_root_is_not_touched(stack: Stack) -> None:
    wallet, dependent = start_pair(stack, settle=LONG_SETTLE)
    kill_wallet(
        stack, wallet, "the dependent is held", lambda: list_holds_for_root(stack)
    )
    stack.wait_for(
        "the root is restarted",
        lambda: stack.watcher.outcomes(WALLET)[-1:] == RESTARTED_AND_WELL,
    )
    stack.wait_healthy(WALLET, SERVICE)
    (incident,) = stack.watcher.status_view()["incidents"]
    assert (incident["target"], incident["affected"]) == (WALLET, [SERVICE])
    stack.wait_for(
        "the one incident is resolved",
        lambda: stack.watcher.status_view()["incidents"][0]["state"] == "resolved",
    )
    stack.wait_probes(SERVICE, 10)
    assert stack.engine_calls() == ["restart electron-cash"]
    assert stack.watcher.outcomes(SERVICE) == []
    assert count_actions(stack, dependent) == Counter(start=1)


def test_wallet_is_restarted_first_without_configured_dependency(
    stack: Stack,
) -> None:
    """At the real timings an unneeded restart here would hold the wallet for 2 min."""
    wallet, dependent = start_pair(stack, depends_on=[], settle=LONG_SETTLE)
    wallet.signal_daemon(signal.SIGKILL)
    stack.wait_for(
        "the wallet is restarted",
        lambda: stack.watcher.outcomes(WALLET)[-1:] == RESTARTED_AND_WELL,
    )
    stack.wait_healthy(WALLET, SERVICE)
    stack.wait_probes(SERVICE, 10)
    assert stack.engine_calls() == ["restart electron-cash"]
    assert count_actions(stack, dependent) == Counter(start=1)


def test_dependent_that_stays_failed_is_restarted_after_its_root(stack: Stack) -> None:
    wallet, dependent = start_pair(stack, sticky=True)
    kill_wallet(
        stack, wallet, "the dependent is held", lambda: list_holds_for_root(stack)
    )
    stack.wait_for(
        "the dependent is restarted",
        lambda: stack.watcher.outcomes(SERVICE) == RESTARTED_AND_WELL,
    )
    stack.wait_healthy(WALLET, SERVICE)
    stack.wait_probes(SERVICE, 3)
    assert stack.engine_calls() == [
        "restart electron-cash",
        "restart bitcoincash-service",
    ]
    assert seconds_from_recovery_to_restart(stack) > SETTLE_S - 0.5
    assert (
        count_actions(stack, wallet)["restart"]
        == count_actions(stack, dependent)["restart"]
        == 1
    )


def seconds_from_recovery_to_restart(stack: Stack) -> float:
    """Seconds from the root's recovery to the dependent's restart."""
    recovered = next(
        record
        for record in stack.watcher.records(WALLET)
        if record.fields.get("outcome") == "recovered"
        and record.fields["action"] == "restart"
    )
    decided = stack.watcher.decisions(SERVICE, "restart")[0]
    return decided.seconds_after(recovered)


def test_after_dependency_always_restarts_the_dependent_anyway(stack: Stack) -> None:
    # Its port stays open, so that its probe always succeeds.
    port = {"type": "tcp", "host": SERVICE, "port": 8080}
    wallet, _ = start_pair(stack, boot_s=3.0, after_dependency="always", probe=port)
    wallet.signal_daemon(signal.SIGKILL)
    stack.wait_for(
        "the dependent is restarted",
        lambda: stack.watcher.outcomes(SERVICE) == RESTARTED_AND_WELL,
    )
    stack.wait_healthy(WALLET, SERVICE)
    stack.wait_probes(SERVICE, 3)
    assert stack.engine_calls() == [
        "restart electron-cash",
        "restart bitcoincash-service",
    ]
    restart = stack.watcher.decisions(SERVICE, "restart")[0]
    assert "always restarted after it" in restart.message
    stack.wait_for(
        "the incident is over with it",
        lambda: stack.watcher.status_view()["incidents"][0]["state"] == "resolved",
    )
    (incident,) = stack.watcher.status_view()["incidents"]
    assert incident["followers"] == [SERVICE]
    incident_view = stack.watcher.get_api(f"/incidents/{incident['id']}")
    assert [
        (remedy["target"], remedy["outcome"]) for remedy in incident_view["remedies"]
    ][-1:] == [(SERVICE, "recovered")]
    assert stack.watcher.target(SERVICE)["last_decision"] is None


def test_after_dependency_never_leaves_the_dependent_to_a_person(stack: Stack) -> None:
    wallet, dependent = start_pair(stack, sticky=True, after_dependency="never")
    kill_wallet(
        stack, wallet, "the dependent notices", lambda: dependent.health() == 503
    )
    stack.wait_for(
        "the root is restarted",
        lambda: stack.watcher.outcomes(WALLET)[-1:] == RESTARTED_AND_WELL,
    )
    page = stack.wait_decision(SERVICE, "page")
    assert "after_dependency is never" in page.message
    stack.wait_probes(SERVICE, 10)
    assert stack.engine_calls() == ["restart electron-cash"]
    assert count_actions(stack, dependent) == Counter(start=1)
