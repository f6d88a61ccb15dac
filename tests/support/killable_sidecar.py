"""A sidecar that can be killed at a chosen step, as by kill -9.

It is wired as the application wires it, with the real store, but reaches the
simulated stack through Killable* adapters, which mark the steps at which a kill can
happen. After the kill no adapter passes anything on and no write begins. The state
directory is copied for the successor before the tasks are cancelled, so that their
clean-up, in finally clauses for example, has no effect on the successor.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Process
from sidecar.core.model.decision import Decision
from sidecar.core.model.instance import RemedyPhase
from sidecar.core.model.message import Message
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.probe_settings import ElectronCashProbe, ProbeSettings
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.ports.engine import (
    Connected,
    Disconnected,
    EngineEvent,
    ExecResult,
    LogReader,
    Replacement,
)
from sidecar.core.ports.loop import Component, NotLoaded
from sidecar.core.recovery.takeover import restore_state
from sidecar.engine.watcher import EngineWatcher
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import DELIVERED, DeliveryResult, temporary_failure
from sidecar.notify.dispatcher import Dispatcher
from sidecar.probes.scheduler import IntervalProbeScheduler
from sidecar.remedies.executor import Executor
from sidecar.simulation.virtual_time import VirtualTimeLoop
from sidecar.storage.store import open_store
from sidecar.watchdog import Watchdog
from tests.support.fakes import EPOCH
from tests.support.simulated_stack import (
    CHANNELS,
    NOTIFY,
    TARGETS,
    Arrival,
    EngineCall,
    SimulatedStack,
)

ALIVE_EVERY_S = 10.0


class Step(StrEnum):
    """Steps at which a sidecar can be killed."""

    MOMENT = "at an arbitrary moment"
    APPEND = "before a turn is stored"
    WRITE = "before a transaction"
    WRITTEN = "after a transaction, before it is reported"
    APPENDED = "after a turn was stored, before messages and remedies"
    EVIDENCE = "while evidence is gathered"
    STOP = "before the daemon is told to stop"
    STOPPED = "after the daemon obeyed, before it answered"
    CALL = "before the engine is called"
    CALLED = "after the engine was called, before its answer"
    ANSWERED = "after the engine's answer"
    VERIFYING = "while the probes verify"
    LOAD = "before a wallet is loaded"
    LOADED = "after a wallet was loaded, before the answer"
    SEND = "before a message is sent"
    SENT = "after a message arrived, before that is recorded"


@dataclass
class KillPoint:
    """When to kill: at the ``count``-th passing of ``step``; for MOMENT, or when the
    step is not reached, after ``after_s`` seconds and ``loop_turns`` of the loop.
    """

    step: Step
    count: int
    after_s: float
    loop_turns: int = 0


class KillableClock:
    """The stack's wall clock, and the monotonic clock of a freshly booted host."""

    def __init__(self, boot_offset_s: float) -> None:
        self._boot_offset_s = boot_offset_s

    def now(self) -> Moment:
        now = asyncio.get_running_loop().time()
        return Moment(now + self._boot_offset_s, EPOCH + now)


async def _wait_forever() -> None:
    await asyncio.get_running_loop().create_future()


class KillableSidecar:
    """One sidecar, from its start until it is killed."""

    def __init__(
        self, stack: SimulatedStack, number: int, kill_point: KillPoint | None
    ) -> None:
        self.stack = stack
        self.number = number
        self.kill_point = kill_point
        self.clock = KillableClock(stack.rng.uniform(1.0, 1e6))
        self.killed = asyncio.Event()
        self.killed_at: Step | None = None
        self.stored_turns: list[StepResult] = []
        """Turns that the store reported as on disk."""
        self.pending_turns: tuple[StepResult, ...] = ()
        self.stored_decisions: set[Decision] = set()
        self.decisions_by_container: dict[str, Decision] = {}
        """Decisions in execution, by container id."""
        self._remaining_passes = Counter(
            {kill_point.step: kill_point.count} if kill_point else {}
        )

    # --- kill

    def reach_step(self, step: Step) -> None:
        """Register that the step is reached, and kill at the kill point."""
        if (
            self.killed.is_set()
            or self.kill_point is None
            or step is not self.kill_point.step
        ):
            return
        self._remaining_passes[step] -= 1
        if self._remaining_passes[step] == 0:
            self.kill(step)

    async def pass_step(self, step: Step) -> None:
        """Register the step; do not return once the sidecar is killed."""
        self.reach_step(step)
        await self.block_if_killed()

    async def block_if_killed(self) -> None:
        """Return only while the sidecar is not killed."""
        if self.killed.is_set():
            await _wait_forever()

    def kill(self, step: Step) -> None:
        self.killed_at = step
        self.stack.post = lambda _: None
        self.killed.set()

    async def wait_until_killed(self) -> None:
        """Wait for the kill point, and kill at the latest then."""
        assert self.kill_point is not None
        try:
            async with asyncio.timeout(self.kill_point.after_s):
                await self.killed.wait()
        except TimeoutError:
            for _ in range(self.kill_point.loop_turns):
                await asyncio.sleep(0)
        if not self.killed.is_set():
            self.kill(Step.MOMENT)

    # --- run

    async def start_up(self, state_dir: Path) -> None:
        """Start all components, as ``sidecar run`` does."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.store = await open_store(state_dir, self.clock)
        self.loaded_state = await self.store.load()
        self.initial_state = self._restored_state()
        loop.allows_work = self._allow_write
        engine = KillableEngine(self)
        self.scheduler = IntervalProbeScheduler(
            KillableProbe(self), self.post, self.clock, lambda _: None
        )
        executor = Executor(
            engine, KillableWallet(self), self.post, self.clock, mask=str
        )
        self.dispatcher = Dispatcher(
            self.store.outbox,
            [KillableChannel(self, name) for name in CHANNELS],
            self.clock,
            lambda *_: None,
            CurrentIncidents(lambda: self.watchdog.state, self.clock),
        )
        self.watchdog = Watchdog(
            state=self.initial_state,
            clock=self.clock,
            store=KillableStore(self),
            listeners=(Waker(self.dispatcher),),
            probing=self.scheduler,
            remedies=KillableRemedy(self, executor),
        )
        self.stack.post = lambda event: self.watchdog.post(
            replace(event, at=self.clock.now())
        )
        engine_watcher = EngineWatcher(engine, self.clock, self.post, _targets)
        coroutines = (
            self.watchdog.run(),
            engine_watcher.run(),
            self.dispatcher.run(),
            self._note_alive(),
        )
        self._tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]

    def _restored_state(self) -> State:
        now, saved_at = self.clock.now(), self.store.saved_at
        if self.loaded_state is None or saved_at is None:
            return State(started=now, notify=NOTIFY)
        return replace(restore_state(self.loaded_state, saved_at, now), notify=NOTIFY)

    def post(self, event: object) -> None:
        self.watchdog.post(event)  # type: ignore[arg-type]  # an event

    def _allow_write(self, phase: str) -> bool:
        """Whether the store's thread may begin or report a write."""
        self.reach_step(Step.WRITE if phase == "begin" else Step.WRITTEN)
        return not self.killed.is_set()

    async def _note_alive(self) -> None:
        while True:
            await self.store.note_alive(self.clock.now().wall)
            await asyncio.sleep(ALIVE_EVERY_S)

    async def dispose(self, other_tasks: set[asyncio.Task[None]]) -> None:
        """Cancel all tasks except ``other_tasks``, and close the store."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        await self.scheduler.close()
        own_tasks = asyncio.all_tasks() - other_tasks - self.stack.engine.tasks
        for task in own_tasks:
            task.cancel()
        await asyncio.gather(*own_tasks, return_exceptions=True)
        loop.allows_work = lambda _: True
        await self.store.close()

    async def pending_messages(self) -> dict[str, int]:
        """Messages that are not delivered yet, by channel."""
        return await self.store.outbox.count_pending()

    def remedy_phase_of(self, container_id: str) -> RemedyPhase | None:
        for instance in self.watchdog.state.instances.values():
            container = instance.container
            if (
                container is not None
                and container.id == container_id
                and instance.remedy
            ):
                return instance.remedy.phase
        return None


async def _targets(_: tuple[Container, ...]) -> tuple[Target, ...]:
    return TARGETS


class Waker:
    """Wakes the dispatcher, as the application does."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def on_step(self, result: StepResult) -> None:
        if result.transitions or result.decisions:
            self._dispatcher.nudge()


class KillableStore:
    """The store, with kill steps before and after each turn."""

    def __init__(self, sidecar: KillableSidecar) -> None:
        self._sidecar = sidecar

    async def load(self) -> State | None:
        raise NotImplementedError

    async def append(self, *results: StepResult) -> None:
        sidecar = self._sidecar
        await sidecar.pass_step(Step.APPEND)
        sidecar.pending_turns = results
        await sidecar.store.append(*results)
        await sidecar.block_if_killed()
        sidecar.stored_turns.extend(results)
        sidecar.pending_turns = ()
        for result in results:
            sidecar.stored_decisions.update(result.decisions)
        await sidecar.pass_step(Step.APPENDED)

    def component(self) -> Component:
        return self._sidecar.store.component()


class KillableRemedy:
    """Records which decision causes each action on a container."""

    def __init__(self, sidecar: KillableSidecar, executor: Executor) -> None:
        self._sidecar = sidecar
        self._executor = executor

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        if decision not in self._sidecar.stored_decisions:
            self._sidecar.stack.violations.append(
                f"done before it was stored: {decision}"
            )
        if decision.action.changes_something:
            self._sidecar.decisions_by_container[container.id] = decision
        self._executor.carry_out(decision, target, container)

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        return self._executor.evidence_of(instance)


class KillableEngine:
    """The engine; it completes a received request even if the sidecar is killed."""

    def __init__(self, sidecar: KillableSidecar) -> None:
        self._sidecar = sidecar
        self._engine = sidecar.stack.engine

    async def containers(self) -> tuple[Container, ...]:
        containers = await self._engine.containers()
        await self._sidecar.block_if_killed()
        return containers

    async def inspect(self, container_id: str) -> Container:
        container = await self._engine.inspect(container_id)
        await self._sidecar.block_if_killed()
        return container

    async def logs(self, container_id: str, lines: int) -> str:
        await self._sidecar.pass_step(Step.EVIDENCE)
        return await self._engine.logs(container_id, lines)

    async def follow_log(
        self, container_id: str, since_nano: int, lines: int, reader: LogReader
    ) -> None:
        await self._engine.follow_log(container_id, since_nano, lines, reader)

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        processes = await self._engine.processes(container_id)
        await self._sidecar.block_if_killed()
        return processes

    async def stats(self, container_id: str) -> dict[str, float]:
        return await self._engine.stats(container_id)

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        raise NotImplementedError

    async def signal(self, container_id: str, signal: str) -> None:
        raise NotImplementedError

    async def plan_replacement(
        self, container_id: str, wallets: tuple[str, ...] | None
    ) -> Replacement:
        raise NotImplementedError

    async def create_replacement(self, plan: Replacement) -> Container:
        raise NotImplementedError

    async def rename(self, container_id: str, name: str) -> None:
        raise NotImplementedError

    async def remove_stopped(self, container_id: str) -> None:
        raise NotImplementedError

    async def check_removal(self) -> None:
        raise NotImplementedError

    def events(self) -> AsyncIterator[EngineEvent | Connected | Disconnected]:
        return self._engine.events()

    async def start(self, container_id: str) -> None:
        engine = self._engine
        await self._call_engine(
            "start", container_id, lambda: engine.start(container_id)
        )

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        engine = self._engine
        await self._call_engine(
            "restart",
            container_id,
            lambda: engine.restart(container_id, stop_timeout_s),
        )

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        engine = self._engine
        await self._call_engine(
            "stop", container_id, lambda: engine.stop(container_id, stop_timeout_s)
        )

    async def _call_engine(
        self,
        call: str,
        container_id: str,
        send: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        await self._sidecar.pass_step(Step.CALL)
        container = self._engine.held[container_id]
        received = len(self._engine.acts)
        answer = asyncio.create_task(send())
        # After a kill nobody reads the result: mark its exception as retrieved.
        answer.add_done_callback(lambda a: a.cancelled() or a.exception())
        await asyncio.sleep(0)
        if len(self._engine.acts) > received:
            self._record_call(call, container_id, container)
            await self._sidecar.pass_step(Step.CALLED)
        await asyncio.wait({answer})
        if answer.exception() is not None:
            # The watch for stopped containers does not cover failed engine calls.
            self._sidecar.stack.runs_ended_by_us.discard(container.run)
        await self._sidecar.pass_step(Step.ANSWERED)
        await answer

    def _record_call(self, call: str, container_id: str, container: Container) -> None:
        sidecar = self._sidecar
        name = sidecar.stack.service_name_of(container_id)
        decision = sidecar.decisions_by_container[container_id]
        now = sidecar.stack.now
        sidecar.stack.engine_calls.append(
            EngineCall(now, sidecar.number, call, name, container, decision)
        )
        sidecar.stack.runs_ended_by_us.add(container.run)


class KillableWallet:
    """The wallet daemon's RPC, with kill steps."""

    def __init__(self, sidecar: KillableSidecar) -> None:
        self._sidecar = sidecar

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        sidecar = self._sidecar
        await sidecar.pass_step(Step.STOP)
        sidecar.stack.rpc_stops.append(
            (sidecar.stack.now, sidecar.decisions_by_container[container.id])
        )
        sidecar.stack.runs_ended_by_us.add(container.run)
        sidecar.stack.stop_daemon(container)
        await sidecar.pass_step(Step.STOPPED)
        await asyncio.sleep(0.2)
        await sidecar.block_if_killed()

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """Whether the daemon answers, by the simulated service's probe outcome."""
        outcome = self._sidecar.stack.services[container.service].answer(container)
        silent = outcome.cause in {Cause.HUNG, Cause.REFUSED}
        await asyncio.sleep(timeout_s if outcome.cause is Cause.HUNG else 0.01)
        await self._sidecar.block_if_killed()
        return not silent

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        sidecar = self._sidecar
        await sidecar.pass_step(Step.LOAD)
        sidecar.stack.services[container.service].loaded.add(container.run)
        await sidecar.pass_step(Step.LOADED)
        await asyncio.sleep(0.5)
        await sidecar.block_if_killed()
        return ()


class KillableProbe:
    """Probes the simulated service, with realistic durations."""

    def __init__(self, sidecar: KillableSidecar) -> None:
        self._sidecar = sidecar

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        sidecar = self._sidecar
        outcome = sidecar.stack.services[container.service].answer(container)
        silent = outcome.cause is Cause.HUNG
        await asyncio.sleep(settings.timeout_s if silent else 0.01)
        if sidecar.remedy_phase_of(container.id) is RemedyPhase.VERIFYING:
            await sidecar.pass_step(Step.VERIFYING)
        return outcome


class KillableChannel:
    """A channel whose receiver may refuse messages for a while."""

    knows_repeats = False

    def __init__(self, sidecar: KillableSidecar, name: str) -> None:
        self._sidecar = sidecar
        self.name = name

    async def send(self, message: Message) -> DeliveryResult:
        sidecar, stack = self._sidecar, self._sidecar.stack
        await sidecar.pass_step(Step.SEND)
        await asyncio.sleep(0.3)
        await sidecar.block_if_killed()
        if stack.blocked_until_wall.get(self.name, 0.0) > stack.now:
            return temporary_failure("nobody listens")
        stack.arrivals.append(Arrival(stack.now, sidecar.number, message))
        await sidecar.pass_step(Step.SENT)
        return DELIVERED
