"""The whole loop with the runner of drills, on a fake engine in virtual time.

A sidecar can be killed in the middle; the next one begins with the stored state.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Container, RunId
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillPhase, DrillRecord
from sidecar.core.model.drill_event import (
    DrillInjected,
    DrillRequested,
    DrillUndone,
)
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import CutNetwork
from sidecar.core.model.event import Event
from sidecar.core.model.incident import new_id
from sidecar.core.model.message import Message
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.model.probe_result import (
    ProbeResult,
    ProbeWarning,
    probe_failure,
    probe_success,
)
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.drills import DrillSubject
from sidecar.core.reason.reason import NO_REASON, text_reason
from sidecar.core.recovery.takeover import restore_state
from sidecar.drills.drill_tools import DrillTools
from sidecar.drills.runner import DrillRunner
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import FakeEngine, LoopClock
from tests.support.loop_harness import HANGS, LEAF_ID, ROOT, ROOT_ID, LoopHarness

NOTIFY = NotifySettings(
    channels=(ChannelSettings("ops", "json://ops"),),
    routes=Routes(("ops",), MappingProxyType(dict.fromkeys(Severity, ("ops",)))),
)
NETWORK = CutNetwork("network-id", "default")
REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
DETACHED = probe_failure(Cause.DETACHED, text_reason("no address"), path_fault=True)
NO_SERVER = probe_failure(Cause.UPSTREAM_LOST, text_reason("no server"))
SLOW = probe_success(warnings=(ProbeWarning.SLOW,), reason=text_reason("9.0 s"))


class DrillableEngine:
    """core.ports.drills.DrillEngine over the fake engine; it outlives a sidecar."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.frozen: set[RunId] = set()
        self.is_cut = False
        engine.on_signal = self._take_signal

    def _take_signal(self, signal: str) -> None:
        if signal == "SIGCONT":
            self.frozen.clear()

    async def check_calls(self, fault: DrillFault) -> None:
        pass

    async def examine(self, container_id: str) -> DrillSubject:
        return DrillSubject((NETWORK,))

    async def kill(self, container_id: str) -> None:
        self.engine.kill_by_operator(container_id)

    async def freeze(self, container_id: str) -> None:
        self.frozen.add(self.engine.held[container_id].run)

    async def pause(self, container_id: str) -> None:
        self.engine.pause(container_id)

    async def unpause(self, container_id: str) -> None:
        self.engine.unpause(container_id)

    async def leave_network(self, container_id: str, network: CutNetwork) -> None:
        self.is_cut = True

    async def rejoin_network(self, container_id: str, network: CutNetwork) -> None:
        self.is_cut = False


class ProcessFaults:
    """core.ports.drills.ConnectionFaults: they end with the process."""

    def __init__(self) -> None:
        self.current: tuple[DrillFault, RunId] | None = None

    def begin(self, fault: DrillFault, run: RunId) -> None:
        self.current = (fault, run)

    def end(self) -> None:
        self.current = None


class KillMoment(StrEnum):
    """When a sidecar is killed.

    Those of a phase: after its begin was stored, before anybody heard of it.
    """

    PREPARING = "preparing"
    INJECTING = "injecting"
    MADE = "fault made, not reported"
    WATCHING = "watching"
    UNDOING = "undoing"
    UNDONE = "fault undone, not reported"


class DrilledSidecar:
    """One sidecar, from its start until it is killed."""

    def __init__(self, calls: DrillableEngine | None, state: State | None) -> None:
        engine = None if calls is None else calls.engine
        began = state or State(started=LoopClock().now())
        self.harness = LoopHarness(
            listeners=(self,), engine=engine, state=replace(began, notify=NOTIFY)
        )
        for container_id in () if calls else (ROOT_ID, LEAF_ID):
            networks = frozenset({NETWORK.name})
            self.harness.engine.change(container_id, networks=networks)
        self.calls = calls or DrillableEngine(self.harness.engine)
        self.faults = ProcessFaults()
        self.harness.set_script(ROOT, self._answer)
        engine, clock = self.harness.engine, self.harness.clock
        tools = DrillTools(
            engine, self.calls, self.faults, _find_own, clock, str, lambda: NO_REASON
        )
        self.runner = DrillRunner(tools, self._post)
        self.kill_moment: KillMoment | None = None
        self.is_dead = asyncio.Event()
        self.records: list[DrillRecord] = []
        self.messages: list[Message] = []
        watchdog, watcher = self.harness.watchdog, self.harness.engine_watcher
        self._tasks = [
            asyncio.create_task(loop) for loop in (watchdog.run(), watcher.run())
        ]

    @property
    def state(self) -> State:
        return self.harness.watchdog.state

    def on_step(self, result: StepResult) -> None:
        self.records += result.drill_records
        self.messages += result.messages
        drill = result.state.drill
        if drill is None or self.is_dead.is_set():
            return
        if drill.phase.value == self.kill_moment:
            self.is_dead.set()
        else:
            self.runner.on_state(result.state)

    def _post(self, event: Event) -> None:
        moments = {DrillInjected: KillMoment.MADE, DrillUndone: KillMoment.UNDONE}
        if self.kill_moment and moments.get(type(event)) is self.kill_moment:
            self.is_dead.set()
        else:
            self.harness.post(event)

    def _answer(self, container: Container) -> ProbeResult:
        run = container.run
        if self.calls.is_cut:
            return DETACHED
        if run in self.calls.frozen:
            return HANGS
        answers = {
            (DrillFault.REFUSE, run): REFUSED,
            (DrillFault.SLOW, run): SLOW,
            (DrillFault.UPSTREAM, run): NO_SERVER,
        }
        current = self.faults.current
        return answers.get(current, probe_success()) if current else probe_success()

    def is_fault_in_force(self) -> bool:
        """Is the container not as it was before the drill?"""
        held = self.harness.engine.held[ROOT_ID]
        return (
            self.calls.is_cut
            or held.run in self.calls.frozen
            or held.status != "running"
            or (self.faults.current is not None and self.faults.current[1] == held.run)
        )

    def request(self, fault: DrillFault) -> None:
        now = self.harness.clock.now()
        instance_id = self.harness.instance(ROOT).id
        drill_id = new_id(ROOT, now)
        self.harness.post(
            DrillRequested(
                now, drill_id, instance_id, fault, Trigger.OPERATOR, forced=True
            )
        )

    async def wait_for_record(self) -> DrillRecord:
        await self.harness.wait_until(lambda: bool(self.records))
        return self.records[0]

    async def die(self, moment: KillMoment) -> State:
        """Wait for the moment, and end it then; its stored state."""
        self.kill_moment = moment
        async with asyncio.timeout(600.0):
            await self.is_dead.wait()
        return await self.kill()

    async def wait_for_phase(self, phase: DrillPhase) -> None:
        def has_come() -> bool:
            drill = self.state.drill
            return drill is not None and drill.phase is phase

        await self.harness.wait_until(has_come)

    async def kill(self) -> State:
        """End it as kill -9 does: nothing is undone; its stored state."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        tasks = asyncio.all_tasks() - {asyncio.current_task()} - self.calls.engine.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.harness.scheduler.close()
        return self.state

    def succeed(self, saved: State) -> "DrilledSidecar":
        """The next sidecar, which knows what this one has stored."""
        now = self.harness.clock.now()
        return DrilledSidecar(self.calls, restore_state(saved, now, now))


async def _find_own() -> Container | None:
    return None


def run_drills(
    scenario: Callable[[DrilledSidecar], Awaitable[None]],
) -> None:
    """Run a scenario in virtual time; both targets work when it begins."""

    async def main() -> None:
        sidecar = DrilledSidecar(None, None)
        await asyncio.sleep(20.0)
        await scenario(sidecar)
        await sidecar.kill()

    run_virtual(main())
