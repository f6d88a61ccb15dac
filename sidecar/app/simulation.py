"""`sidecar simulate`: the loop of `sidecar run` in virtual time, with a scenario."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sidecar.app.simulated_time import SimulatedTime
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import (
    Event,
    PauseRequested,
    ProbeCompleted,
    RecoverRequested,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.model.probe_settings import ProbeWay
from sidecar.core.model.scenario import (
    BusyTime,
    ContainerExit,
    EngineLoss,
    Failure,
    OperatorAct,
    OperatorStep,
    Scenario,
    ScenarioAct,
)
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.ports.loop import StepListener
from sidecar.engine.watcher import EngineWatcher
from sidecar.probes.busy_watcher import BusyWatcher
from sidecar.probes.scheduler import IntervalProbeScheduler
from sidecar.remedies.executor import Executor
from sidecar.remedies.process_watcher import ProcessWatcher
from sidecar.schedule.planner import Planner
from sidecar.schedule.windows import WindowPlanner, find_periods
from sidecar.simulation.engine import SimulatedEngine
from sidecar.simulation.memory_store import MemoryStore
from sidecar.simulation.record import SimulationRecord
from sidecar.simulation.services import ANSWER_S, SimulatedServices
from sidecar.simulation.verdict import FinalInstance, find_failures
from sidecar.simulation.virtual_time import LoopClock, run_virtual
from sidecar.watchdog import Watchdog

SETTLED_S = 120.0
"""Seconds before the begin, in which every target becomes healthy."""
_STOP_TIMEOUT_S = 10.0


class SimulationResult(NamedTuple):
    """The record of a simulation, and the expectations that were not met."""

    scenario: Scenario
    record: SimulationRecord
    instances: tuple[FinalInstance, ...]
    failures: tuple[str, ...]


def simulate(
    settings: Settings,
    scenario: Scenario,
    on_progress: Callable[[float], None] = lambda _: None,
    *,
    listeners: Sequence[StepListener] = (),
    skips_quiet_time: bool = True,
) -> SimulationResult:
    """Simulate a scenario; nothing outside is touched.

    ``on_progress`` gets the share that is done, now and then. Time in which nothing
    happens is left out; the record is the same without ``skips_quiet_time``.
    """
    simulation = _Simulation(settings, scenario, tuple(listeners), skips_quiet_time)
    return run_virtual(simulation.run(on_progress))


class _Simulation:
    """The parts of a running Sidecar, around a simulated engine."""

    def __init__(
        self,
        settings: Settings,
        scenario: Scenario,
        listeners: tuple[StepListener, ...],
        skips_quiet_time: bool,  # noqa: FBT001
    ) -> None:
        self._settings, self._scenario = settings, scenario
        self._listeners, self._skips_quiet_time = listeners, skips_quiet_time
        self._targets = tuple(map(_without_engine_probes, settings.targets))

    async def run(self, on_progress: Callable[[float], None]) -> SimulationResult:
        scenario = self._scenario
        self._build(LoopClock(scenario.began_wall - SETTLED_S))
        loops = [
            asyncio.create_task(self._watchdog.run()),
            asyncio.create_task(self._engine_watcher.run()),
            asyncio.create_task(self._planner.run()),
            asyncio.create_task(self._window_planner.run()),
        ]
        try:
            await asyncio.sleep(SETTLED_S)
            await self._play(on_progress)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self._close()
        instances = self._final_instances()
        failures = find_failures(
            scenario.expectations, self._record, instances, scenario.duration_s
        )
        return SimulationResult(scenario, self._record, instances, failures)

    def _build(self, clock: LoopClock) -> None:
        scenario, settings = self._scenario, self._settings
        began = clock.now()
        self._clock = clock
        self._record = SimulationRecord(began.mono + SETTLED_S)
        self._engine = SimulatedEngine(
            self._targets, scenario.services, clock, began.wall
        )
        self._services = SimulatedServices(
            self._targets,
            scenario.services,
            clock,
            lambda: self._engine.held,
            self._engine.end_process,
        )
        for container in self._engine.held.values():
            self._services.note_loaded(container.run)
        self._planner = Planner(clock, self._post)
        self._window_planner = WindowPlanner(clock, self._post)
        process_watcher = ProcessWatcher(self._engine, clock, self._post, str)
        busy_watcher = BusyWatcher(self._services, clock, self._post)
        self._scheduler = IntervalProbeScheduler(
            self._services,
            self._post_probe,
            LoopClock(clock.epoch_wall),
            lambda _: None,
            lambda instance_id, container, began_mono: process_watcher.look_at_silent(
                instance_id, container, began_mono + clock.skipped_s
            ),
        )
        self._scheduler.answer_s = ANSWER_S
        self._watchers = (process_watcher, busy_watcher)
        self._watchdog = Watchdog(
            state=State(
                started=began,
                mode=settings.mode,
                notify=settings.notify,
                windows=find_periods(settings.windows, began.wall),
            ),
            clock=clock,
            store=MemoryStore(),
            listeners=(self._record, process_watcher, busy_watcher, *self._listeners),
            probing=self._scheduler,
            remedies=Executor(
                self._engine, self._services, self._post, clock, mask=str
            ),
        )
        self._engine_watcher = EngineWatcher(
            self._engine, clock, self._post, self._find_targets
        )
        self._window_planner.set_windows(settings.windows)

    async def _find_targets(self, _: tuple[Container, ...]) -> tuple[Target, ...]:
        self._planner.set_targets(self._targets)
        return self._targets

    def _post(self, event: Event) -> None:
        self._watchdog.post(event)

    def _post_probe(self, event: Event) -> None:
        """The scheduler goes on as if no time had been left out."""
        assert isinstance(event, ProbeCompleted)
        began_mono = event.began_mono + self._clock.skipped_s
        self._post(replace(event, at=self._clock.now(), began_mono=began_mono))

    async def _play(self, on_progress: Callable[[float], None]) -> None:
        """Carry out the acts at their times, and wait for the end."""
        began_mono, end_s = self._clock.now().mono, self._scenario.duration_s
        time = SimulatedTime(
            self._watchdog,
            self._clock,
            self._next_wall,
            lambda now_mono: on_progress((now_mono - began_mono) / end_s),
            skips_quiet_time=self._skips_quiet_time,
        )
        for step in sorted(self._scenario.steps, key=lambda step: step.at_s):
            await time.wait_until(began_mono + step.at_s)
            await self._carry_out(step.act)
        await time.wait_until(began_mono + end_s)

    def _next_wall(self) -> float:
        """The time of what happens next by itself; inf: nothing will."""
        planned = (planned.at_wall for planned in self._planner.upcoming_times(1))
        return min((*planned, self._services.next_end_wall()))

    async def _carry_out(self, act: ScenarioAct) -> None:
        self._record.note_act(self._clock.now().mono, act, _describe(act))
        match act:
            case Failure():
                self._services.fail(act)
            case ContainerExit(target, exit_code, replica):
                container = self._engine.find(target, replica)
                if container.status is Status.RUNNING:
                    self._engine.end_process(container.id, exit_code)
            case EngineLoss(duration_s):
                self._engine.lose(duration_s)
            case BusyTime(target, duration_s):
                self._services.be_busy(target, duration_s)
            case OperatorStep():
                await self._act_as_operator(act)

    async def _act_as_operator(self, step: OperatorStep) -> None:
        containers = self._engine.find_all(step.target)
        match step.act:
            case OperatorAct.STOP:
                for container in containers:
                    await self._engine.stop_container(container.id, _STOP_TIMEOUT_S)
            case OperatorAct.START:
                for container in containers:
                    self._engine.start_container(container.id)
            case _:
                self._post(self._order(step))

    def _order(self, step: OperatorStep) -> Event:
        now, target = self._clock.now(), step.target
        match step.act:
            case OperatorAct.PAUSE:
                return PauseRequested(now, (target,))
            case OperatorAct.RESUME:
                return ResumeRequested(now, (target,))
            case OperatorAct.RECOVER:
                return RecoverRequested(now, target)
            case _:
                return RestartRequested(now, target)

    def _final_instances(self) -> tuple[FinalInstance, ...]:
        state = self._watchdog.state
        return tuple(
            FinalInstance(i.name, i.id.target, i.state)
            for i in state.instances.values()
        )

    async def _close(self) -> None:
        await self._scheduler.close()
        for watcher in self._watchers:
            await watcher.close()
        await self._engine.close()


def _without_engine_probes(target: Target) -> Target:
    """A probe that only the engine answers finds nothing here; the others remain."""
    asked = tuple(probe for probe in target.probes if probe.WAY is not ProbeWay.ENGINE)
    return replace(target, probes=asked or target.probes[:1], backup=None)


def _describe(act: ScenarioAct) -> str:
    match act:
        case Failure(_, cause, restarts, duration_s):
            words = "a restart" if restarts == 1 else f"{restarts} restarts"
            ends = [] if restarts is None else [f"until {words}"]
            ends += [] if duration_s is None else [f"for {duration_s:g} s"]
            return f"fails with {cause}, {' or '.join(ends) or 'to the end'}"
        case ContainerExit(_, exit_code):
            return f"exits with status {exit_code}"
        case OperatorStep(_, operator_act):
            return f"an operator: {operator_act}"
        case EngineLoss(duration_s):
            return f"the engine is lost for {duration_s:g} s"
        case BusyTime(_, duration_s):
            return f"is busy for {duration_s:g} s"
