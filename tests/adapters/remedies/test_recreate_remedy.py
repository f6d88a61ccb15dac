"""A recreate with an engine in memory: all of it happens, or all is as it was."""

import asyncio
from dataclasses import replace

import pytest
from typing_extensions import override

from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.ports.engine import (
    EngineError,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.core.ports.loop import LeaseGate, RpcFailed
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.status.set_aside import set_aside_name
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import EPOCH, FakeEngine
from tests.support.lease_gate import LOST, Gate
from tests.support.remedy_bench import TARGET, Bench

NAME = "demo-electron-cash-1"
ASIDE = set_aside_name(NAME)
OLD, NEW = "c1", "c1+"
STEPS = ("rename", "create", "stop", "start", "remove")
FORBIDDEN = EngineForbidden("the engine answered 403: no")


def make_bench(*, wallet: bool = False) -> Bench:
    bench = Bench()
    if not wallet:
        bench.target = replace(TARGET, probes=())
    return bench


def containers_by_name(engine: FakeEngine) -> dict[str, tuple[str, Status]]:
    return {c.name: (c.id, c.status) for c in engine.held.values()}


def runs(engine: FakeEngine) -> list[str]:
    return [c.id for c in engine.held.values() if c.status is Status.RUNNING]


def recreate(bench: Bench, **changes: object) -> RemedyExecuted:
    """Run a recreate to its end, in virtual time."""
    return run_virtual(bench.run_action(Action.RECREATE, **changes))


def settle(bench: Bench) -> RemedyExecuted:
    """Let another process end the recreate, as the next listing asks it to."""
    return run_virtual(settle_meanwhile(bench))


async def settle_meanwhile(
    bench: Bench, lease: LeaseGate | None = None
) -> RemedyExecuted:
    """Let another process end the recreate; ``lease``: that of another watchdog."""
    later = make_bench()
    later.engine = bench.engine
    assigned = max(
        bench.engine.held.values(),
        key=lambda c: (c.status is Status.RUNNING, c.started_at),
    )
    later.container = assigned
    later.executor._engine = bench.engine
    later.executor.lease = lease
    return await later.run_action(Action.RECREATE, settles=True)


def test_recreate_replaces_container_and_removes_old_one() -> None:
    bench = make_bench()
    event = recreate(bench)
    assert (event.result, event.reason.code) == (RemedyCallResult.DONE, R.RECREATED)
    assert containers_by_name(bench.engine) == {NAME: (NEW, Status.RUNNING)}
    assert [call for call, _ in bench.engine.acts] == list(STEPS)
    assert event.container is not None
    assert event.container.id == NEW


def test_old_container_runs_until_new_one_is_created() -> None:
    bench = make_bench()
    recreate(bench)
    order = [call for call, _ in bench.engine.calls]
    assert order.index("check_removal") < order.index("rename")
    assert order.index("create") < order.index("stop") < order.index("start")


def test_wallet_daemon_is_asked_to_stop_before_any_signal() -> None:
    bench = make_bench(wallet=True)
    bench.wallets.on_stop = lambda: bench.engine.crash(OLD, 0)
    event = recreate(bench, polite_stop_s=90.0, wallets=("/data/w",))
    assert event.result is RemedyCallResult.DONE
    assert bench.wallets.calls == ["stop"]
    assert runs(bench.engine) == [NEW]
    assert bench.engine.wallets_to_keep == ("/data/w",)


REFUSED_STOP = RpcFailed(text_reason("refused"), was_answered=True)


@pytest.mark.parametrize(("error", "stop_s"), [(None, 5.0), (REFUSED_STOP, 30.0)])
def test_daemon_that_obeyed_gets_the_short_time_to_stop(
    error: RpcFailed | None, stop_s: float
) -> None:
    """Its container may go on running: its main process is a wrapper."""
    bench = make_bench(wallet=True)
    bench.wallets.error = error
    recreate(bench, polite_stop_s=90.0, stop_timeout_s=30.0)
    assert bench.engine.stop_timeouts == [stop_s]


def test_container_that_is_no_wallet_daemon_has_no_wallets_to_keep() -> None:
    bench = make_bench()
    recreate(bench)
    assert bench.engine.wallets_to_keep is None


def leave_during(bench: Bench, moment_s: float, **changes: object) -> RemedyExecuted:
    """Begin a recreate, and let Sidecar end after this time."""

    async def leave() -> RemedyExecuted:
        bench.begin(Action.RECREATE, **changes)
        await asyncio.sleep(moment_s)
        await bench.executor.drain(10.0)
        event = bench.events[-1]
        assert isinstance(event, RemedyExecuted)
        return event

    return run_virtual(leave())


def test_sidecar_that_ends_before_the_stop_undoes_all_and_stops_nothing() -> None:
    bench = make_bench()
    bench.engine.answer_late_s = 1.0
    event = leave_during(bench, 1.5)
    assert event.result is RemedyCallResult.NOT_SENT
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}
    assert "stop" not in [call for call, _ in bench.engine.acts]


def test_sidecar_that_ends_while_the_daemon_is_asked_gives_it_its_name_back() -> None:
    """The daemon ends later: a start now would have no effect."""
    bench = make_bench(wallet=True)
    bench.wallets.delay_s = 60.0
    event = leave_during(bench, 3.0, polite_stop_s=90.0)
    assert event.result is RemedyCallResult.UNKNOWN
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}
    assert "start" not in [call for call, _ in bench.engine.calls]


class StopsLate(FakeEngine):
    """A container that ends a minute after it was told to stop."""

    @override
    async def _stop(self, container_id: str) -> None:
        await asyncio.sleep(60.0)
        await super()._stop(container_id)


def test_sidecar_that_ends_during_a_long_stop_lets_the_engine_start_it_again() -> None:
    bench = Bench(StopsLate)
    bench.target = replace(TARGET, probes=())
    event = leave_during(bench, 3.0)
    assert event.result is RemedyCallResult.FAILED
    assert ("restart", OLD) in bench.engine.acts
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


class RemovedByHand(FakeEngine):
    """An engine whose old container is removed while Sidecar stops it."""

    @override
    async def _stop(self, container_id: str) -> None:
        del self.held[container_id]
        self._get(container_id)


def test_old_container_that_somebody_removed_is_replaced_all_the_same() -> None:
    bench = Bench(RemovedByHand)
    bench.target = replace(TARGET, probes=())
    event = recreate(bench)
    assert event.result is RemedyCallResult.DONE
    assert containers_by_name(bench.engine) == {NAME: (NEW, Status.RUNNING)}


def test_obstacle_is_a_refusal_and_touches_nothing() -> None:
    bench = make_bench()
    bench.engine.obstacles = (Reason.of(R.REMOVED_AT_STOP),)
    event = recreate(bench)
    assert event.result is RemedyCallResult.REFUSED
    assert "--rm" in str(event.reason)
    assert bench.engine.acts == []


@pytest.mark.parametrize("call", ["check_removal", "rename", "create"])
def test_forbidden_call_is_a_refusal_and_old_container_never_stops(call: str) -> None:
    bench = make_bench()
    bench.engine.trouble(call, FORBIDDEN)
    event = recreate(bench)
    assert event.result is RemedyCallResult.REFUSED
    assert "403" in str(event.reason)
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}
    assert "stop" not in [c for c, _ in bench.engine.acts]


def test_container_that_differs_is_removed_again() -> None:
    bench = make_bench()
    bench.engine.trouble("create", EngineRefused("differs in Mounts"), is_done=True)
    event = recreate(bench)
    assert event.result is RemedyCallResult.REFUSED
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


def test_new_container_that_is_not_started_is_rolled_back() -> None:
    bench = make_bench()
    bench.engine.trouble("start", EngineRefused("500: no such bind source"))
    event = recreate(bench)
    assert (event.result, event.reason.code) == (RemedyCallResult.FAILED, R.UNDONE)
    assert "no such bind source" in str(event.reason)
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


class SlowAboutNew(FakeEngine):
    """It tells nothing of the new container, and notes when two run at once."""

    most_running = 0

    @override
    async def containers(self) -> tuple[Container, ...]:
        return tuple(
            replace(c, status=Status.UNKNOWN, fault="no answer (within 5 s)")
            if c.id == NEW
            else c
            for c in await super().containers()
        )

    @override
    async def inspect(self, container_id: str) -> Container:
        if container_id == NEW:
            raise EngineTimeout("silent")
        return await super().inspect(container_id)

    @override
    def _run(self, container_id: str) -> None:
        super()._run(container_id)
        self.most_running = max(self.most_running, len(runs(self)))


def test_new_container_of_unknown_status_never_runs_beside_the_old_one() -> None:
    bench = Bench(SlowAboutNew)
    bench.target = replace(TARGET, probes=())
    event = recreate(bench)
    assert event.result is RemedyCallResult.FAILED
    assert isinstance(bench.engine, SlowAboutNew)
    assert bench.engine.most_running == 1
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


class KeepsNewRunning(SlowAboutNew):
    """It refuses to stop the new container as well."""

    @override
    async def _stop(self, container_id: str) -> None:
        if container_id == NEW:
            raise EngineRefused("500: cannot stop it")
        await super()._stop(container_id)


def test_old_container_stays_stopped_while_the_new_one_cannot_be_stopped() -> None:
    bench = Bench(KeepsNewRunning)
    bench.target = replace(TARGET, probes=())
    event = recreate(bench)
    assert (event.result, event.reason.code) == (RemedyCallResult.FAILED, R.NOT_UNDONE)
    assert runs(bench.engine) == [NEW]
    assert isinstance(bench.engine, KeepsNewRunning)
    assert bench.engine.most_running == 1


async def lose_engine(bench: Bench, begin_s: float, end_s: float) -> None:
    """The engine is not reached between these times."""
    await asyncio.sleep(begin_s)
    bench.engine.unreachable = "refused"
    await asyncio.sleep(end_s - begin_s)
    bench.engine.unreachable = ""


def test_engine_that_is_away_for_a_while_is_asked_again() -> None:
    bench = make_bench()
    bench.engine.answer_late_s = 1.0

    async def run() -> RemedyExecuted:
        away = asyncio.create_task(lose_engine(bench, 2.5, 15.0))
        event = await bench.run_action(Action.RECREATE)
        await away
        return event

    event = run_virtual(run())
    assert (event.result, event.reason.code) == (RemedyCallResult.DONE, R.RECREATED)
    assert containers_by_name(bench.engine) == {NAME: (NEW, Status.RUNNING)}


def test_sidecar_that_ends_does_not_wait_for_an_engine_that_is_away() -> None:
    bench = make_bench()
    bench.engine.answer_late_s = 1.0

    async def leave() -> float:
        away = asyncio.create_task(lose_engine(bench, 1.5, 60.0))
        bench.begin(Action.RECREATE)
        await asyncio.sleep(5.0)
        began_s = asyncio.get_running_loop().time()
        await bench.executor.drain(30.0)
        away.cancel()
        return asyncio.get_running_loop().time() - began_s

    assert run_virtual(leave()) < 10.0


def test_settlement_waits_while_the_new_container_is_unknown() -> None:
    """To start the old one would open its wallet twice."""
    bench = Bench(SlowAboutNew)
    old = bench.engine.change(OLD, name=ASIDE, status=Status.EXITED)
    bench.engine.held[NEW] = replace(
        old, id=NEW, name=NAME, status=Status.RUNNING, started_at=EPOCH + 9.0
    )
    bench.container = bench.engine.held[OLD]
    event = run_virtual(bench.run_action(Action.RECREATE, settles=True))
    assert event.result is RemedyCallResult.NOT_SENT
    assert "no answer" in str(event.reason)
    assert bench.engine.acts == []


class Loops(FakeEngine):
    """A new container that ends, and is started by the engine, between two looks.

    While a container runs, the engine reports exit code 0, whatever the last one was.
    """

    next_end_s: float | None = None

    @override
    def _run(self, container_id: str) -> None:
        super()._run(container_id)
        if container_id == NEW and self.held[NEW].restart_count == 0:
            loop = asyncio.get_running_loop()
            loop.call_later(0.6, self._loop)
            if self.next_end_s is not None:
                loop.call_later(self.next_end_s, self.crash, NEW, 3)

    def _loop(self) -> None:
        self.change(NEW, restart_count=1, started_at=EPOCH + 99.0, exit_code=0)


class LoopsOn(Loops):
    """A new container that is seen after its second end."""

    next_end_s = 1.2


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Loops, "ended at once, and the engine started it again;"),
        (LoopsOn, "ended at once, with exit code 3;"),
    ],
)
def test_new_container_that_the_engine_had_to_start_again_is_rolled_back(
    engine: type[Loops], said: str
) -> None:
    bench = Bench(engine)
    bench.target = replace(TARGET, probes=())
    event = recreate(bench)
    assert event.result is RemedyCallResult.FAILED
    assert said in str(event.reason)
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


def test_new_container_that_never_ran_has_no_exit_code() -> None:
    bench = make_bench()
    bench.engine.trouble("start", EngineTimeout("silent"))
    event = recreate(bench)
    assert event.result is RemedyCallResult.FAILED
    assert "does not run: its status is created;" in str(event.reason)
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


class EndsAtOnce(FakeEngine):
    """A new container that ends a second after its start."""

    @override
    def _run(self, container_id: str) -> None:
        super()._run(container_id)
        if container_id == NEW:
            loop = asyncio.get_running_loop()
            loop.call_later(1.0, self.crash, container_id, 3)


def test_new_container_that_ends_at_once_is_rolled_back() -> None:
    bench = Bench(EndsAtOnce)
    bench.target = replace(TARGET, probes=())
    event = recreate(bench)
    assert event.result is RemedyCallResult.FAILED
    assert "exit code 3" in str(event.reason)
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


def test_old_container_that_cannot_be_removed_is_named() -> None:
    bench = make_bench()
    bench.engine.trouble("remove", EngineRefused("500: device busy"))
    event = recreate(bench)
    assert event.result is RemedyCallResult.DONE
    assert event.reason.get("container") == ASIDE
    assert containers_by_name(bench.engine)[ASIDE] == (OLD, Status.EXITED)
    assert settle(bench).result is RemedyCallResult.DONE
    assert containers_by_name(bench.engine) == {NAME: (NEW, Status.RUNNING)}


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("call", STEPS)
@pytest.mark.parametrize(
    "error",
    [
        EngineUnreachable("refused"),
        EngineTimeout("silent"),
        EngineRefused("500: no"),
        FORBIDDEN,
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_failing_call_leaves_one_running_container(
    call: str, error: EngineError, is_done: bool
) -> None:
    bench = make_bench()
    bench.engine.trouble(call, error, is_done=is_done)
    recreate(bench)
    assert len(runs(bench.engine)) == 1
    if ASIDE in containers_by_name(bench.engine):
        settle(bench)
    assert list(containers_by_name(bench.engine)) == [NAME]
    assert len(runs(bench.engine)) == 1


MOMENTS = 24


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_kill_at_any_moment_is_settled_by_the_next_process(moment: int) -> None:
    """Each call takes a second, so that each moment is in the middle of one."""
    bench = make_bench()
    bench.engine.delays = {"plan": 1.0, "check_removal": 1.0, "start": 1.0}
    bench.engine.answer_late_s = 1.0

    async def kill() -> None:
        bench.begin(Action.RECREATE)
        await asyncio.sleep(moment * 0.5 + 0.25)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    run_virtual(kill())
    settle(bench)
    assert list(containers_by_name(bench.engine)) == [NAME]
    assert len(runs(bench.engine)) == 1


def test_settlement_without_leftover_does_nothing() -> None:
    bench = make_bench()
    event = settle(bench)
    assert (event.result, event.settled) == (RemedyCallResult.DONE, True)
    assert bench.engine.acts == []


def test_settlement_never_lets_two_containers_run() -> None:
    """The engine's restart policy may have started the old one after a reboot."""
    bench = make_bench()
    old = bench.engine.change(OLD, name=ASIDE)
    bench.engine.held[NEW] = replace(old, id=NEW, name=NAME, started_at=EPOCH + 9.0)
    settle(bench)
    assert containers_by_name(bench.engine) == {NAME: (NEW, Status.RUNNING)}
    assert bench.engine.acts == [("stop", OLD), ("remove", OLD)]


def test_settlement_touches_no_container_of_another_service() -> None:
    bench = make_bench()
    other = replace(bench.container, id="x", service="other", name=ASIDE)
    bench.engine.held["x"] = other
    settle(bench)
    assert bench.engine.held["x"] == other
    assert bench.engine.acts == []


@pytest.mark.parametrize("obeys", [True, False])
def test_daemon_stop_during_which_another_watchdog_settles_leaves_old_one_running(
    *, obeys: bool
) -> None:
    """This watchdog has lost Redis, and the other one has got the lease."""
    bench = make_bench(wallet=True)
    bench.executor.lease = Gate()
    bench.wallets.error = None if obeys else REFUSED_STOP
    answer = bench.wallets.stop

    async def stop_after_settlement(*settings: object) -> None:
        await settle_meanwhile(bench)
        await answer(*settings)

    bench.wallets.on_stop = lambda: bench.engine.crash(OLD, 0)
    bench.wallets.stop = stop_after_settlement  # type: ignore[method-assign]
    event = recreate(bench, polite_stop_s=90.0, stop_timeout_s=30.0)
    assert event.result is RemedyCallResult.UNKNOWN
    assert event.reason.code is R.SETTLED_BY_OTHER
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}
    assert ("stop", OLD) not in bench.engine.acts


class SettledDuringStop(FakeEngine):
    """Another watchdog settles while the old container is told to stop."""

    bench: Bench

    @override
    async def _stop(self, container_id: str) -> None:
        if len(self.held) == 2:
            await settle_meanwhile(self.bench)
        await super()._stop(container_id)


def test_old_container_that_is_settled_during_its_stop_is_started_again() -> None:
    bench = Bench(SettledDuringStop)
    bench.target = replace(TARGET, probes=())
    bench.executor.lease = Gate()
    SettledDuringStop.bench = bench
    event = recreate(bench)
    assert event.result is RemedyCallResult.FAILED
    assert containers_by_name(bench.engine) == {NAME: (OLD, Status.RUNNING)}


def test_settlement_without_the_lease_touches_nothing() -> None:
    bench = make_bench()
    bench.engine.change(OLD, name=ASIDE, status=Status.EXITED)
    event = run_virtual(settle_meanwhile(bench, Gate(LOST)))
    assert (event.result, event.reason) == (RemedyCallResult.NOT_SENT, LOST)
    assert bench.engine.acts == []


def test_refused_settlement_is_a_refusal() -> None:
    bench = make_bench()
    old = bench.engine.change(OLD, name=ASIDE, status=Status.EXITED)
    bench.engine.held[NEW] = replace(
        old, id=NEW, name=NAME, status=Status.RUNNING, started_at=EPOCH + 9.0
    )
    bench.engine.trouble("remove", FORBIDDEN)
    event = settle(bench)
    assert (event.result, event.settled) == (RemedyCallResult.REFUSED, True)


@pytest.mark.parametrize("moment_s", [0.5, 1.5, 2.5, 4.5])
def test_sidecar_that_ends_leaves_no_container_stopped(moment_s: float) -> None:
    bench = make_bench()
    bench.engine.delays = {"plan": 1.0}

    async def leave() -> None:
        bench.begin(Action.RECREATE)
        await asyncio.sleep(moment_s)
        await bench.executor.drain(10.0)

    run_virtual(leave())
    assert len(runs(bench.engine)) == 1
    assert list(containers_by_name(bench.engine)) == [NAME]
