"""The runner of drills, in virtual time: what it reports, and that it always undoes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sidecar.core.model.container import Container, Process, RunId, Status
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import Drill, DrillPhase
from sidecar.core.model.drill_event import DrillInjected, DrillPrepared, DrillUndone
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.drill_undo import CutNetwork, DrillUndo
from sidecar.core.model.event import Event
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.drills import DrillSubject
from sidecar.core.ports.engine import EngineRefused, EngineUnreachable, ExecResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.drills.drill_tools import DrillTools
from sidecar.drills.injection import STOP_ALL
from sidecar.drills.preparation import CONTINUE_ALL
from sidecar.drills.runner import CLOSE_S, REPEAT_S, TELL_AFTER_S, DrillRunner
from sidecar.simulation.virtual_time import VirtualTimeLoop
from tests.support.fakes import FakeEngine, LoopClock, a_container

WALLET = InstanceId("electron-cash", 1)
CONTAINER = a_container()
UNDO = DrillUndo(CONTAINER.run, CONTAINER.name)
LOST = EngineUnreachable("no connection to the engine")


class Calls:
    """The engine's calls of drills; each takes ``delay_s``."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.made: list[str] = []
        self.delay_s = 0.0
        self.subject = DrillSubject()
        self.troubles: dict[str, list[Exception]] = {}

    async def _call(self, name: str, container_id: str, **changes: object) -> None:
        await asyncio.sleep(self.delay_s)
        self.made.append(name)
        if self.troubles.get(name):
            raise self.troubles[name].pop(0)
        held = self.engine.held[container_id]
        self.engine.held[container_id] = replace(held, **changes)  # type: ignore[arg-type]

    async def check_calls(self, fault: DrillFault) -> None:
        await self._call(f"check {fault}", CONTAINER.id)

    async def examine(self, container_id: str) -> DrillSubject:
        await self._call("examine", container_id)
        return self.subject

    async def kill(self, container_id: str) -> None:
        await self._call("kill", container_id, status=Status.EXITED)

    async def freeze(self, container_id: str) -> None:
        await self._call("freeze", container_id)

    async def pause(self, container_id: str) -> None:
        await self._call("pause", container_id, status=Status.PAUSED)

    async def unpause(self, container_id: str) -> None:
        await self._call("unpause", container_id, status=Status.RUNNING)

    async def leave_network(self, container_id: str, network: CutNetwork) -> None:
        await self._call(f"leave {network.name}", container_id)

    async def rejoin_network(self, container_id: str, network: CutNetwork) -> None:
        await self._call(f"rejoin {network.name}", container_id)


class Faults:
    """Faults at connections."""

    def __init__(self) -> None:
        self.current: tuple[DrillFault, RunId] | None = None
        self.trouble: OSError | None = None

    def begin(self, fault: DrillFault, run: RunId) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.current = (fault, run)

    def end(self) -> None:
        self.current = None


def hide_password(text: str) -> str:
    return text.replace("hunter2", "***")


class Bench:
    """A runner, and the state that it gets to see."""

    def __init__(self, *, touches_containers: bool = True) -> None:
        self.clock = LoopClock()
        self.engine = FakeEngine(self.clock, CONTAINER)
        self.calls, self.faults = Calls(self.engine), Faults()
        self.events: list[Event] = []
        self.own: Container | None = None
        calls = self.calls if touches_containers else None
        self.store_fault = NO_REASON
        tools = DrillTools(
            self.engine,
            calls,
            self.faults,
            self._own,
            self.clock,
            hide_password,
            lambda: self.store_fault,
        )
        self.runner = DrillRunner(tools, self.events.append)
        self.instances = {WALLET: Instance(WALLET, WALLET.target, container=CONTAINER)}

    async def _own(self) -> Container | None:
        return self.own

    def state(
        self, fault: DrillFault, phase: DrillPhase, undo: DrillUndo | None = UNDO
    ) -> State:
        now = self.clock.now()
        drill = Drill(
            "d1",
            WALLET,
            WALLET.target,
            fault,
            Trigger.OPERATOR,
            DrillObjective(),
            now,
            phase,
            now,
            undo,
        )
        return State(started=now, instances=build_table(self.instances), drill=drill)

    async def enter(
        self, fault: DrillFault, phase: DrillPhase, undo: DrillUndo | None = UNDO
    ) -> Event:
        """Let the runner see the phase; its next event."""
        self.runner.on_state(self.state(fault, phase, undo))
        return await self.next_event()

    async def next_event(self) -> Event:
        async with asyncio.timeout(300.0):
            while not self.events:  # noqa: ASYNC110 - polls
                await asyncio.sleep(0.125)
        return self.events.pop(0)


def run(story: Callable[[Bench], Awaitable[None]], *, swarm: bool = False) -> None:
    async def play() -> None:
        await story(Bench(touches_containers=not swarm))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())


def test_each_phase_is_carried_out_once_and_reported() -> None:
    async def story(bench: Bench) -> None:
        prepared = await bench.enter(DrillFault.PAUSE, DrillPhase.PREPARING, None)
        assert isinstance(prepared, DrillPrepared)
        assert prepared.undo == UNDO
        assert bench.calls.made == ["check pause"]
        injected = await bench.enter(DrillFault.PAUSE, DrillPhase.INJECTING)
        assert isinstance(injected, DrillInjected)
        assert not injected.problem
        for phase in (DrillPhase.INJECTING, DrillPhase.WATCHING):
            bench.runner.on_state(bench.state(DrillFault.PAUSE, phase))
            await asyncio.sleep(10.0)
        assert bench.events == []
        undone = await bench.enter(DrillFault.PAUSE, DrillPhase.UNDOING)
        assert isinstance(undone, DrillUndone)
        assert bench.calls.made == ["check pause", "pause", "unpause"]
        await bench.runner.close(bench.state(DrillFault.PAUSE, DrillPhase.RECOVERING))
        assert bench.calls.made[-1] == "unpause"

    run(story)


def test_undo_waits_for_the_call_that_makes_the_fault() -> None:
    """It is cancelled while the engine pauses: that cannot be taken back."""

    async def story(bench: Bench) -> None:
        bench.calls.delay_s = 5.0
        bench.runner.on_state(bench.state(DrillFault.PAUSE, DrillPhase.INJECTING))
        await asyncio.sleep(1.0)
        bench.runner.on_state(bench.state(DrillFault.PAUSE, DrillPhase.UNDOING))
        assert isinstance(await bench.next_event(), DrillInjected)
        assert isinstance(await bench.next_event(), DrillUndone)
        assert bench.calls.made == ["pause", "unpause"]

    run(story)


def test_fault_is_not_made_while_its_undo_is_not_stored() -> None:
    async def story(bench: Bench) -> None:
        bench.store_fault = text_reason("disk full")
        refused = await bench.enter(DrillFault.PAUSE, DrillPhase.INJECTING)
        assert isinstance(refused, DrillInjected)
        assert refused.problem.code is R.DRILL_NOT_STORED
        assert bench.calls.made == []

    run(story)


def test_fault_that_was_cancelled_before_its_turn_is_not_made() -> None:
    async def story(bench: Bench) -> None:
        bench.calls.delay_s = 5.0
        for phase in (
            DrillPhase.PREPARING,
            DrillPhase.INJECTING,
            DrillPhase.UNDOING,
        ):
            bench.runner.on_state(bench.state(DrillFault.PAUSE, phase))
        assert isinstance(await bench.next_event(), DrillPrepared)
        assert isinstance(await bench.next_event(), DrillUndone)
        assert bench.calls.made == ["check pause"]

    run(story)


def test_undo_goes_on_until_it_is_done_and_tells_that_it_takes_long() -> None:
    async def story(bench: Bench) -> None:
        bench.calls.engine.held[CONTAINER.id] = replace(CONTAINER, status=Status.PAUSED)
        bench.calls.troubles["unpause"] = [ValueError("an odd answer"), *[LOST] * 19]
        began = bench.clock.now().mono
        failed = await bench.enter(DrillFault.PAUSE, DrillPhase.UNDOING)
        assert isinstance(failed, DrillUndone)
        assert "no connection to the engine" in str(failed.problem)
        assert TELL_AFTER_S <= failed.at.mono - began <= TELL_AFTER_S + 2.0
        undone = await bench.next_event()
        assert isinstance(undone, DrillUndone)
        assert not undone.problem
        assert bench.engine.held[CONTAINER.id].status is Status.RUNNING

    run(story)


def test_report_of_an_undo_that_was_dropped_is_repeated() -> None:
    async def story(bench: Bench) -> None:
        bench.calls.engine.held[CONTAINER.id] = replace(CONTAINER, status=Status.PAUSED)
        undoing = bench.state(DrillFault.PAUSE, DrillPhase.UNDOING)
        bench.runner.on_state(undoing)
        first = await bench.next_event()
        await asyncio.sleep(REPEAT_S - 1.0)
        bench.runner.on_state(undoing)
        await asyncio.sleep(0.5)
        assert bench.events == []
        await asyncio.sleep(1.0)
        bench.runner.on_state(undoing)
        second = await bench.next_event()
        assert isinstance(first, DrillUndone)
        assert isinstance(second, DrillUndone)
        assert bench.calls.made == ["unpause"]

    run(story)


def test_undo_ends_with_a_drill_that_a_person_gave_up() -> None:
    async def story(bench: Bench) -> None:
        bench.calls.engine.held[CONTAINER.id] = replace(CONTAINER, status=Status.PAUSED)
        bench.calls.troubles["unpause"] = [EngineRefused("403: forbidden")] * 99
        await bench.enter(DrillFault.PAUSE, DrillPhase.UNDOING)
        undoing = bench.state(DrillFault.PAUSE, DrillPhase.UNDOING)
        bench.runner.on_state(replace(undoing, drill=None))
        tries = len(bench.calls.made)
        await asyncio.sleep(300.0)
        assert len(bench.calls.made) == tries
        assert isinstance(
            await bench.enter(DrillFault.STOP, DrillPhase.PREPARING, None),
            DrillPrepared,
        )

    run(story)


@pytest.mark.parametrize("phase", [DrillPhase.INJECTING, DrillPhase.WATCHING])
def test_fault_is_undone_before_sidecar_ends(phase: DrillPhase) -> None:
    async def story(bench: Bench) -> None:
        bench.calls.delay_s = 2.0
        if phase is DrillPhase.INJECTING:
            bench.runner.on_state(bench.state(DrillFault.PAUSE, phase))
        else:
            held = replace(CONTAINER, status=Status.PAUSED)
            bench.engine.held[CONTAINER.id] = held
        await bench.runner.close(bench.state(DrillFault.PAUSE, phase))
        assert bench.calls.made[-1] == "unpause"
        assert isinstance(bench.events[-1], DrillUndone)

    run(story)


def test_end_of_sidecar_does_not_wait_for_an_engine_that_is_lost() -> None:
    async def story(bench: Bench) -> None:
        bench.engine.go_away()
        began = bench.clock.now().mono
        await bench.runner.close(bench.state(DrillFault.STOP, DrillPhase.WATCHING))
        assert bench.clock.now().mono - began <= CLOSE_S + 0.5
        assert bench.events == []

    run(story)


def test_stop_that_a_dead_process_asked_for_is_undone_once_it_has_ended() -> None:
    async def story(bench: Bench) -> None:
        async def end_later() -> None:
            await asyncio.sleep(4.0)
            held = replace(CONTAINER, status=Status.EXITED)
            bench.engine.held[CONTAINER.id] = held

        ending = asyncio.create_task(end_later())
        undone = await bench.enter(DrillFault.STOP, DrillPhase.UNDOING)
        await ending
        assert isinstance(undone, DrillUndone)
        assert bench.engine.acts == [("start", CONTAINER.id)]

    run(story)


NEXT_START = CONTAINER.started_at + 1.0


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        (DrillFault.STOP, {"status": Status.EXITED, "started_at": NEXT_START}),
        (DrillFault.KILL, {"status": Status.EXITED, "name": "set-aside"}),
        (DrillFault.PAUSE, {"status": Status.PAUSED, "started_at": NEXT_START}),
        (DrillFault.HANG, {"started_at": NEXT_START}),
    ],
)
def test_undo_leaves_a_newer_run_and_a_container_set_aside(
    fault: DrillFault, changes: dict[str, object]
) -> None:
    async def story(bench: Bench) -> None:
        container = replace(CONTAINER, **changes)  # type: ignore[arg-type]
        bench.engine.held[CONTAINER.id] = container
        undone = await bench.enter(fault, DrillPhase.UNDOING)
        assert isinstance(undone, DrillUndone)
        assert not undone.problem
        assert (bench.engine.acts, bench.engine.signals) == ([], [])
        assert bench.calls.made == []

    run(story)


@pytest.mark.parametrize("fault", [DrillFault.STOP, DrillFault.PAUSE, DrillFault.HANG])
def test_container_that_is_gone_needs_no_undo(fault: DrillFault) -> None:
    async def story(bench: Bench) -> None:
        del bench.engine.held[CONTAINER.id]
        undone = await bench.enter(fault, DrillPhase.UNDOING)
        assert isinstance(undone, DrillUndone)
        assert not undone.problem

    run(story)


def test_processes_are_not_continued_while_somebody_pauses_the_container() -> None:
    """The engine would end that pause with the signal."""

    async def story(bench: Bench) -> None:
        bench.engine.held[CONTAINER.id] = replace(CONTAINER, status=Status.PAUSED)
        bench.runner.on_state(bench.state(DrillFault.HANG, DrillPhase.UNDOING))
        await asyncio.sleep(TELL_AFTER_S - 2.0)
        assert (bench.events, bench.engine.signals) == ([], [])
        bench.engine.held[CONTAINER.id] = CONTAINER
        assert isinstance(await bench.next_event(), DrillUndone)
        assert bench.engine.signals == ["SIGCONT"]

    run(story)


def test_drill_whose_call_is_refused_is_not_carried_out() -> None:
    async def story(bench: Bench) -> None:
        bench.calls.troubles["check netcut"] = [EngineRefused("not on the list")]
        prepared = await bench.enter(DrillFault.NETCUT, DrillPhase.PREPARING, None)
        assert isinstance(prepared, DrillPrepared)
        assert prepared.undo is None
        said = Reason.of(R.DRILL_REFUSED_BY_ENGINE, said="not on the list")
        assert prepared.problem == said

    run(story)


@pytest.mark.parametrize(
    "changes",
    [{"status": Status.EXITED}, {"started_at": CONTAINER.started_at + 1.0}, None],
)
def test_run_that_is_over_gets_no_fault(changes: dict[str, object] | None) -> None:
    async def story(bench: Bench) -> None:
        if changes is None:
            del bench.engine.held[CONTAINER.id]
        else:
            held = replace(CONTAINER, **changes)  # type: ignore[arg-type]
            bench.engine.held[CONTAINER.id] = held
        prepared = await bench.enter(DrillFault.PAUSE, DrillPhase.PREPARING, None)
        assert isinstance(prepared, DrillPrepared)
        assert prepared.problem == Reason.of(R.DRILL_RUN_IS_OVER)
        injected = await bench.enter(DrillFault.PAUSE, DrillPhase.INJECTING)
        assert isinstance(injected, DrillInjected)
        assert injected.problem == Reason.of(R.DRILL_RUN_IS_OVER)
        assert "pause" not in bench.calls.made

    run(story)


def test_containers_of_a_swarm_are_not_touched() -> None:
    async def story(bench: Bench) -> None:
        for fault in DrillFault:
            reason = await bench.runner.find_objection(
                bench.state(fault, DrillPhase.PREPARING), WALLET, fault
            )
            is_possible = fault.rule.on_connections
            assert reason == Reason.of(R.NONE if is_possible else R.DRILL_IN_SWARM)
        injected = await bench.enter(DrillFault.REFUSE, DrillPhase.INJECTING)
        assert isinstance(injected, DrillInjected)
        assert bench.faults.current == (DrillFault.REFUSE, CONTAINER.run)
        assert isinstance(
            await bench.enter(DrillFault.REFUSE, DrillPhase.UNDOING), DrillUndone
        )
        assert bench.faults.current is None

    run(story, swarm=True)


def test_fault_at_connections_without_a_free_port_is_a_problem() -> None:
    async def story(bench: Bench) -> None:
        bench.faults.trouble = OSError("no free port")
        injected = await bench.enter(DrillFault.REFUSE, DrillPhase.INJECTING)
        assert isinstance(injected, DrillInjected)
        assert "no free port" in str(injected.problem)

    run(story)


def test_processes_below_a_wrapper_are_stopped_and_continued_by_a_command() -> None:
    async def story(bench: Bench) -> None:
        main = Process(CONTAINER.pid, 1, "Ss", "sh")
        child = Process(101, CONTAINER.pid, "S", "daemon")
        bench.engine.processes_of[CONTAINER.id] = (main, child)
        prepared = await bench.enter(DrillFault.HANG, DrillPhase.PREPARING, None)
        assert isinstance(prepared, DrillPrepared)
        assert prepared.undo == replace(UNDO, by_command=True)
        await bench.enter(DrillFault.HANG, DrillPhase.INJECTING, prepared.undo)
        assert bench.calls.made[-1] == "freeze"
        await bench.enter(DrillFault.HANG, DrillPhase.UNDOING, prepared.undo)
        assert bench.engine.signals == ["SIGCONT"]
        commands = [call for call, _ in bench.engine.calls if call == "execute"]
        assert len(commands) == 3
        bench.engine.exec_of[" ".join(CONTINUE_ALL)] = ExecResult(127, "sh:\nhunter2\n")
        reason = await bench.runner.find_objection(
            bench.state(DrillFault.HANG, DrillPhase.PREPARING), WALLET, DrillFault.HANG
        )
        assert reason == Reason.of(R.DRILL_NOT_STOPPED, said="sh: ***")

    run(story)


@pytest.mark.parametrize("fault", [DrillFault.KILL, DrillFault.STOP])
def test_container_that_the_engine_would_remove_is_not_ended(
    fault: DrillFault,
) -> None:
    async def story(bench: Bench) -> None:
        bench.calls.subject = DrillSubject(vanishes=True)
        prepared = await bench.enter(fault, DrillPhase.PREPARING, None)
        assert isinstance(prepared, DrillPrepared)
        assert prepared.problem == Reason.of(R.REMOVED_AT_STOP)

    run(story)


def test_processes_that_the_command_cannot_stop_are_a_problem() -> None:
    async def story(bench: Bench) -> None:
        refusal = ExecResult(1, "sh: kill: not permitted")
        bench.engine.exec_of[" ".join(STOP_ALL)] = refusal
        undo = replace(UNDO, by_command=True)
        injected = await bench.enter(DrillFault.HANG, DrillPhase.INJECTING, undo)
        assert isinstance(injected, DrillInjected)
        assert "not permitted" in str(injected.problem)
        assert "freeze" not in bench.calls.made

    run(story)


def test_only_networks_that_sidecar_is_on_are_cut() -> None:
    async def story(bench: Bench) -> None:
        names = ("front", "back", "host")
        networks = tuple(CutNetwork(f"{name}-id", name) for name in names)
        bench.calls.subject = DrillSubject(networks)
        inside = replace(CONTAINER, networks=frozenset(names))
        bench.engine.held[CONTAINER.id] = inside
        bench.own = a_container("own", networks=frozenset({"front", "host"}))
        prepared = await bench.enter(DrillFault.NETCUT, DrillPhase.PREPARING, None)
        assert isinstance(prepared, DrillPrepared)
        assert prepared.undo == replace(UNDO, networks=networks[:1])
        bench.own = replace(bench.own, networks=frozenset({"others"}))
        reason = await bench.runner.find_objection(
            bench.state(DrillFault.NETCUT, DrillPhase.PREPARING),
            WALLET,
            DrillFault.NETCUT,
        )
        assert reason == Reason.of(R.DRILL_NO_NETWORK)

    run(story)


def test_container_whose_network_sidecar_uses_is_not_cut_off() -> None:
    async def story(bench: Bench) -> None:
        bench.own = a_container("own", network_mode=f"container:{CONTAINER.id}")
        reason = await bench.runner.find_objection(
            bench.state(DrillFault.NETCUT, DrillPhase.PREPARING),
            WALLET,
            DrillFault.NETCUT,
        )
        assert reason == Reason.of(R.DRILL_NO_NETWORK)
        assert "examine" not in bench.calls.made

    run(story)
