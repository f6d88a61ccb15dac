"""A sidecar that dies as by kill -9: from one step to the next it reaches nobody.

It is wired as the application wires it, with the real store, but meets the world
through doors. Each door knows the steps at which one can die. Once it is dead no
door lets anything through and no write begins; only then is the state directory
copied for the successor, so that whatever its tasks do while they are put away, in
their finally clauses say, is seen by nobody.
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
from sidecar.core.ports.engine import Connected, Disconnected, EngineEvent, ExecResult
from sidecar.core.ports.loop import Component, NotLoaded
from sidecar.core.recovery.takeover import restore_state
from sidecar.engine.watcher import EngineWatcher
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import DELIVERED, DeliveryResult, temporary_failure
from sidecar.notify.dispatcher import Dispatcher
from sidecar.probes.scheduler import IntervalProbeScheduler
from sidecar.remedies.executor import Executor
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
from tests.support.virtual_time import VirtualTimeLoop

ALIVE_EVERY_S = 10.0


class Step(StrEnum):
    """Where a sidecar can die."""

    MOMENT = "at a moment of no importance"
    APPEND = "before a turn is stored"
    WRITE = "before a transaction"
    WRITTEN = "after a transaction, before anybody knows"
    APPENDED = "after a turn was stored, before it is told and acted on"
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
    """At the ``count``-th passing of a step, or, where that does not come or is a
    mere MOMENT, after so many seconds and turns of the loop.
    """

    step: Step
    count: int
    after_s: float
    turns: int = 0


class KillableClock:
    """The world's wall clock; the monotonic one of a host that was booted anew."""

    def __init__(self, booted: float) -> None:
        self._booted = booted

    def now(self) -> Moment:
        now = asyncio.get_running_loop().time()
        return Moment(now + self._booted, EPOCH + now)


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


class KillableSidecar:
    """One sidecar, from its start to its death."""

    def __init__(
        self, world: SimulatedStack, number: int, death: KillPoint | None
    ) -> None:
        self.world = world
        self.number = number
        self.death = death
        self.clock = KillableClock(world.chance.uniform(1.0, 1e6))
        self.dead = asyncio.Event()
        self.died_at: Step | None = None
        self.kept: list[StepResult] = []
        """Turns of which the store said that they are on disk."""
        self.in_flight: StepResult | None = None
        self.decided: set[Decision] = set()
        self.intents: dict[str, Decision] = {}
        """By container: the decision that is being carried out."""
        self._left = Counter({death.step: death.count} if death else {})

    # --- dying

    def passes(self, step: Step) -> None:
        """It is at that step; its last one perhaps."""
        if self.dead.is_set() or self.death is None or step is not self.death.step:
            return
        self._left[step] -= 1
        if self._left[step] == 0:
            self.die(step)

    async def passing(self, step: Step) -> None:
        """The same; does not return where it was the last one."""
        self.passes(step)
        await self.lives()

    async def lives(self) -> None:
        """Return only to the living."""
        if self.dead.is_set():
            await _never()

    def die(self, step: Step) -> None:
        self.died_at = step
        self.world.post = lambda _: None
        self.dead.set()

    async def end(self) -> None:
        """Wait for the end that it was given."""
        assert self.death is not None
        try:
            async with asyncio.timeout(self.death.after_s):
                await self.dead.wait()
        except TimeoutError:
            for _ in range(self.death.turns):
                await asyncio.sleep(0)
        if not self.dead.is_set():
            self.die(Step.MOMENT)

    # --- living

    async def begin(self, state_dir: Path) -> None:
        """As ``sidecar run`` does."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.store = await open_store(state_dir, self.clock)
        self.found = await self.store.load()
        self.state = self._as_left()
        loop.goes_on = self._writes
        engine = KillableEngine(self)
        self.pacer = IntervalProbeScheduler(
            KillableProbe(self), self.post, self.clock, lambda _: None
        )
        executor = Executor(
            engine, KillableWallet(self), self.post, self.clock, mask=str
        )
        self.runner = Dispatcher(
            self.store.outbox,
            [KillableChannel(self, name) for name in CHANNELS],
            self.clock,
            lambda *_: None,
            CurrentIncidents(lambda: self.watchdog.state, self.clock),
        )
        self.watchdog = Watchdog(
            state=self.state,
            clock=self.clock,
            store=KillableStore(self),
            listeners=(Waker(self.runner),),
            probing=self.pacer,
            remedies=KillableRemedy(self, executor),
        )
        self.world.post = lambda event: self.watchdog.post(
            replace(event, at=self.clock.now())
        )
        pump = EngineWatcher(engine, self.clock, self.post, _targets)
        work = (self.watchdog.run(), pump.run(), self.runner.run(), self._note_alive())
        self._tasks = [asyncio.create_task(one) for one in work]

    def _as_left(self) -> State:
        now, saved_at = self.clock.now(), self.store.saved_at
        if self.found is None or saved_at is None:
            return State(started=now, notify=NOTIFY)
        return replace(restore_state(self.found, saved_at, now), notify=NOTIFY)

    def post(self, event: object) -> None:
        self.watchdog.post(event)  # type: ignore[arg-type]  # an event

    def _writes(self, which: str) -> bool:
        """Does the store's thread go on?"""
        self.passes(Step.WRITE if which == "begin" else Step.WRITTEN)
        return not self.dead.is_set()

    async def _note_alive(self) -> None:
        while True:
            await self.store.note_alive(self.clock.now().wall)
            await asyncio.sleep(ALIVE_EVERY_S)

    async def bury(self, others: set[asyncio.Task[None]]) -> None:
        """Put its tasks away, all but those of ``others``: nobody hears of them."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        await self.pacer.close()
        mine = asyncio.all_tasks() - others - self.world.engine.tasks
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
        loop.goes_on = lambda _: True
        await self.store.close()

    async def waiting(self) -> dict[str, int]:
        """Messages that are not delivered yet, by channel."""
        return await self.store.outbox.pending()

    def phase_of(self, container_id: str) -> RemedyPhase | None:
        for instance in self.watchdog.state.instances.values():
            held = instance.container
            if held is not None and held.id == container_id and instance.remedy:
                return instance.remedy.phase
        return None


async def _targets(_: tuple[Container, ...]) -> tuple[Target, ...]:
    return TARGETS


class Waker:
    """As the application nudges its senders."""

    def __init__(self, runner: Dispatcher) -> None:
        self._runner = runner

    def on_step(self, result: StepResult) -> None:
        if result.transitions or result.decisions:
            self._runner.nudge()


class KillableStore:
    """The store, with a death before and after each turn."""

    def __init__(self, life: KillableSidecar) -> None:
        self._life = life

    async def load(self) -> State | None:
        raise NotImplementedError

    async def append(self, turned: StepResult) -> None:
        life = self._life
        await life.passing(Step.APPEND)
        life.in_flight = turned
        await life.store.append(turned)
        await life.lives()
        life.kept.append(turned)
        life.in_flight = None
        life.decided.update(turned.decisions)
        await life.passing(Step.APPENDED)

    def component(self) -> Component:
        return self._life.store.component()


class KillableRemedy:
    """Notes which decision is behind what is done to a container."""

    def __init__(self, life: KillableSidecar, executor: Executor) -> None:
        self._life = life
        self._executor = executor

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        if decision not in self._life.decided:
            self._life.world.wrong.append(f"done before it was stored: {decision}")
        if decision.action.changes_something:
            self._life.intents[container.id] = decision
        self._executor.carry_out(decision, target, container)

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        return self._executor.evidence_of(instance)


class KillableEngine:
    """The engine: it goes on with what it was sent, whoever has died."""

    def __init__(self, life: KillableSidecar) -> None:
        self._life = life
        self._engine = life.world.engine

    async def containers(self) -> tuple[Container, ...]:
        found = await self._engine.containers()
        await self._life.lives()
        return found

    async def inspect(self, container_id: str) -> Container:
        found = await self._engine.inspect(container_id)
        await self._life.lives()
        return found

    async def logs(self, container_id: str, lines: int) -> str:
        await self._life.passing(Step.EVIDENCE)
        return await self._engine.logs(container_id, lines)

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        found = await self._engine.processes(container_id)
        await self._life.lives()
        return found

    async def stats(self, container_id: str) -> dict[str, float]:
        return await self._engine.stats(container_id)

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        raise NotImplementedError

    async def signal(self, container_id: str, signal: str) -> None:
        raise NotImplementedError

    def events(self) -> AsyncIterator[EngineEvent | Connected | Disconnected]:
        return self._engine.events()

    async def start(self, container_id: str) -> None:
        engine = self._engine
        await self._sent("start", container_id, lambda: engine.start(container_id))

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        engine = self._engine
        await self._sent(
            "restart",
            container_id,
            lambda: engine.restart(container_id, stop_timeout_s),
        )

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        engine = self._engine
        await self._sent(
            "stop", container_id, lambda: engine.stop(container_id, stop_timeout_s)
        )

    async def _sent(
        self,
        call: str,
        container_id: str,
        send: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        await self._life.passing(Step.CALL)
        found = self._engine.held[container_id]
        received = len(self._engine.acts)
        answer = asyncio.create_task(send())
        # Of one who dies meanwhile nobody asks how it went.
        answer.add_done_callback(lambda a: a.cancelled() or a.exception())
        await asyncio.sleep(0)
        if len(self._engine.acts) > received:
            self._note(call, container_id, found)
            await self._life.passing(Step.CALLED)
        await asyncio.wait({answer})
        if answer.exception() is not None:
            # What the engine did not do, or not say, has rules of its own.
            self._life.world.ours.discard(found.run)
        await self._life.passing(Step.ANSWERED)
        await answer

    def _note(self, call: str, container_id: str, found: Container) -> None:
        life = self._life
        name = life.world.name_of(container_id)
        decision = life.intents[container_id]
        now = life.world.now
        life.world.acts.append(
            EngineCall(now, life.number, call, name, found, decision)
        )
        life.world.ours.add(found.run)


class KillableWallet:
    """The wallet daemon's own calls."""

    def __init__(self, life: KillableSidecar) -> None:
        self._life = life

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        life = self._life
        await life.passing(Step.STOP)
        life.world.stops.append((life.world.now, life.intents[container.id]))
        life.world.ours.add(container.run)
        life.world.obey_stop(container)
        await life.passing(Step.STOPPED)
        await asyncio.sleep(0.2)
        await life.lives()

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """As a probe would find it: the silent stay silent."""
        outcome = self._life.world.patients[container.service].answer(container)
        silent = outcome.cause in {Cause.HUNG, Cause.REFUSED}
        await asyncio.sleep(timeout_s if outcome.cause is Cause.HUNG else 0.01)
        await self._life.lives()
        return not silent

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        life = self._life
        await life.passing(Step.LOAD)
        life.world.patients[container.service].loaded.add(container.run)
        await life.passing(Step.LOADED)
        await asyncio.sleep(0.5)
        await life.lives()
        return ()


class KillableProbe:
    """Answers as the patient does, at the pace of life."""

    def __init__(self, life: KillableSidecar) -> None:
        self._life = life

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        life = self._life
        outcome = life.world.patients[container.service].answer(container)
        silent = outcome.cause is Cause.HUNG
        await asyncio.sleep(settings.timeout_s if silent else 0.01)
        if life.phase_of(container.id) is RemedyPhase.VERIFYING:
            await life.passing(Step.VERIFYING)
        return outcome


class KillableChannel:
    """A channel whose receiver may be deaf for a while."""

    knows_repeats = False

    def __init__(self, life: KillableSidecar, name: str) -> None:
        self._life = life
        self.name = name

    async def send(self, message: Message) -> DeliveryResult:
        life, world = self._life, self._life.world
        await life.passing(Step.SEND)
        await asyncio.sleep(0.3)
        await life.lives()
        if world.deaf.get(self.name, 0.0) > world.now:
            return temporary_failure("nobody listens")
        world.arrivals.append(Arrival(world.now, life.number, message))
        await life.passing(Step.SENT)
        return DELIVERED
