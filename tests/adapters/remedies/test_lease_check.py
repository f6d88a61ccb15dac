"""The last checks of several watchdogs before each call to the engine."""

from collections.abc import Coroutine
from typing import Any

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Process, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON
from sidecar.simulation.virtual_time import run_virtual
from tests.support.lease_gate import LOST, Gate
from tests.support.remedy_bench import Bench


def gated_bench(gate: Gate, **container: Any) -> Bench:  # noqa: ANN401
    bench = Bench(**container)
    bench.executor.lease = gate
    return bench


def virtual(scenario: Coroutine[Any, Any, None]) -> None:
    run_virtual(scenario)


def test_restart_is_sent_with_a_lease_for_the_whole_call() -> None:
    async def scenario() -> None:
        gate = Gate()
        bench = gated_bench(gate)
        event = await bench.run_action(Action.RESTART)
        assert event.result is RemedyCallResult.DONE
        assert bench.engine.acts == [("restart", "c1")]
        assert gate.asked == [(15.0, False)]
        assert gate.ended_calls == 1

    virtual(scenario())


@pytest.mark.parametrize("when", ["first", "last"])
@pytest.mark.parametrize("action", [Action.RESTART, Action.START, Action.LOAD_WALLET])
def test_without_the_lease_nothing_is_sent(when: str, action: Action) -> None:
    async def scenario() -> None:
        status = Status.EXITED if action is Action.START else Status.RUNNING
        gate = Gate(LOST) if when == "first" else Gate(last=LOST)
        bench = gated_bench(gate, status=status)
        event = await bench.run_action(action)
        assert event.result is RemedyCallResult.NOT_SENT
        assert event.reason == LOST
        assert bench.engine.acts == []
        assert bench.wallets.calls == []

    virtual(scenario())


def test_container_that_another_watchdog_restarted_meanwhile_is_left_alone() -> None:
    """The lease is asked for as long as the other one needs."""

    async def scenario() -> None:
        gate = Gate()
        bench = gated_bench(gate)
        gate.meanwhile = lambda: bench.engine.change(
            "c1", started_at=bench.container.started_at + 5.0
        )
        event = await bench.run_action(Action.RESTART)
        assert event.result is RemedyCallResult.NOT_SENT
        assert event.reason.code is R.RESTARTED_MEANWHILE
        assert bench.engine.acts == []

    virtual(scenario())


def test_daemon_is_not_asked_to_stop_without_the_lease() -> None:
    async def scenario() -> None:
        bench = gated_bench(Gate(LOST))
        event = await bench.run_action(Action.RESTART, polite_stop_s=90.0, cause=None)
        assert event.result is RemedyCallResult.NOT_SENT
        assert bench.wallets.calls == []

    virtual(scenario())


@pytest.mark.parametrize("has_lease", [True, False])
def test_stopped_daemon_is_continued_with_the_lease_only(*, has_lease: bool) -> None:
    async def scenario() -> None:
        gate = Gate() if has_lease else Gate(LOST)
        bench = gated_bench(gate)
        pid = bench.container.pid
        daemon = Process(101, pid, "Tl", "/usr/bin/electron-cash daemon")
        bench.engine.processes_of["c1"] = (Process(pid, 1, "Ss", "sh /run.sh"), daemon)
        event = await bench.run_action(
            Action.RESTART, polite_stop_s=90.0, cause=Cause.HUNG
        )
        assert bool(bench.engine.signals) is has_lease
        assert (event.reason == LOST) is not has_lease
        assert gate.asked[0] == (10.0, False)

    virtual(scenario())


def test_lease_that_is_lost_after_the_daemon_has_ended_ends_the_remedy() -> None:
    """The next holder starts it: here it is not known what will happen."""

    async def scenario() -> None:
        gate = Gate(NO_REASON, LOST)
        bench = gated_bench(gate)
        bench.wallets.on_stop = lambda: bench.engine.crash("c1", 0)
        event = await bench.run_action(Action.RESTART, polite_stop_s=90.0, cause=None)
        assert event.result is RemedyCallResult.UNKNOWN
        assert event.reason == LOST
        assert bench.engine.acts == []
        assert gate.asked[-1] == (10.0, True)
        assert gate.ended_calls == 0

    virtual(scenario())


def test_recreate_touches_nothing_without_the_lease() -> None:
    async def scenario() -> None:
        bench = gated_bench(Gate(LOST))
        event = await bench.run_action(Action.RECREATE, cause=Cause.HTTP_5XX)
        assert event.result is RemedyCallResult.NOT_SENT
        assert bench.engine.acts == []

    virtual(scenario())
