"""The loop: take events, run a step for each, store, tell, act."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from loguru import logger

from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import (
    ContainersListed,
    Event,
    EvidenceGathered,
    ProbeCompleted,
    RemedyExecuted,
    Tick,
)
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import (
    Clock,
    ProbeScheduler,
    QueueFull,
    RemedyExecutor,
    StepListener,
)
from sidecar.core.ports.storage import Store
from sidecar.core.step.probe_interval import probe_interval_s
from sidecar.core.step.step import operator_decision, run_step

QUEUE_LIMIT = 20_000
TICK_S = 0.5
TURN_INSTANCES = 500
"""Instances that are worked on before others get their turn in the event loop."""
TURN_PROBES = 10
"""Results of probes that are worked in together before others get their turn: a few
milliseconds, and one write to the store. At a start each target changes: a write for
each of thousands would take minutes.
"""

_HANDED_OVER = frozenset(
    {
        Action.START,
        Action.RESTART,
        Action.RECREATE,
        Action.LOAD_WALLET,
        Action.STOP,
        Action.LOOK,
        Action.PAGE,
    }
)


class _QueuedEvent(NamedTuple):
    event: Event
    answer: asyncio.Future[Decision | None] | None


class Watchdog:
    """Owner of the state. One event at a time; a step never waits or blocks."""

    def __init__(
        self,
        *,
        state: State,
        clock: Clock,
        store: Store,
        listeners: Sequence[StepListener],
        probing: ProbeScheduler,
        remedies: RemedyExecutor,
    ) -> None:
        self._clock = clock
        self._store = store
        self._listeners = listeners
        self._probing = probing
        self._remedies = remedies
        self._queue: asyncio.Queue[_QueuedEvent] = asyncio.Queue(QUEUE_LIMIT)
        self.state = state
        self.last_step_mono = clock.now().mono
        """When the loop last completed a step: the proof that it is alive."""

    def post(self, event: Event) -> None:
        """Queue an event. A full queue drops it: the next listing corrects that."""
        self._enqueue(_QueuedEvent(event, None))

    async def ask(self, event: Event) -> Decision | None:
        """Queue an operator's request and wait for its decision. QueueFull."""
        answer: asyncio.Future[Decision | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._enqueue(_QueuedEvent(event, answer))
        return await answer

    def _enqueue(self, item: _QueuedEvent) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            logger.error("the event queue is full; an event was dropped")
            self._pace_again(item.event)
            if item.answer is not None:
                item.answer.set_exception(QueueFull("the event queue is full"))

    async def run(self) -> None:
        """Run steps until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            while True:
                await self._process(await self._take())
                # get() of a queue that is not empty does not yield to other tasks.
                await asyncio.sleep(0)

    async def _take(self) -> list[_QueuedEvent]:
        """The next event, or several results of probes and the event after them."""
        items = [await self._queue.get()]
        while (
            isinstance(items[-1].event, ProbeCompleted)
            and len(items) < TURN_PROBES
            and not self._queue.empty()
        ):
            items.append(self._queue.get_nowait())
        return items

    async def _tick(self) -> None:
        while True:
            self.post(Tick(self._clock.now()))
            await asyncio.sleep(TICK_S)

    async def _process(self, items: Sequence[_QueuedEvent]) -> None:
        """Run the steps, store all, and then hand over each.

        So whatever the state shows is on record: a drill that has ended, for example.
        """
        results: list[StepResult] = []
        state = self.state
        for item in items:
            results.append(await self._run_step(state, item.event))
            state = results[-1].state
        if not await self._append(results):
            results = [_no_step(item.event, self.state) for item in items]
        for item, result in zip(items, results, strict=True):
            try:
                await self._hand_over(result)
            except Exception:  # noqa: BLE001  one bad event must not end the loop
                _log_bad(item.event)
                self._pace_again(item.event)
            if item.answer is not None and not item.answer.done():
                item.answer.set_result(operator_decision(result.decisions))
        self.last_step_mono = self._clock.now().mono

    async def _run_step(self, state: State, event: Event) -> StepResult:
        """Run one step: of thousands of containers in a thread, for it takes long."""
        listed = event.containers if isinstance(event, ContainersListed) else ()
        try:
            if len(listed) > TURN_INSTANCES:
                result = await asyncio.to_thread(run_step, state, event)
            else:
                result = run_step(state, event)
            return self._with_evidence(result)
        except Exception:  # noqa: BLE001  one bad event must not end the loop
            _log_bad(event)
            return _no_step(event, state)

    async def _append(self, results: Sequence[StepResult]) -> bool:
        """Store the results; False: they were lost, for the store has a fault."""
        try:
            await self._store.append(*results)
        except Exception:  # noqa: BLE001  as above
            for result in results:
                _log_bad(result.event)
            return False
        return True

    async def _hand_over(self, result: StepResult) -> None:
        """Show the state, tell the listeners, and act."""
        before = self.state
        self.state = result.state
        for listener in self._listeners:
            self._tell(listener, result)
        for decision in result.decisions:
            self._carry_out(decision)
        if not result.state.instances.has_same_ids(before.instances):
            for instance_id in before.instances.keys() - result.state.instances.keys():
                self._probing.forget(instance_id)
        for nth, instance_id in enumerate(result.touched, 1):
            self._pace(instance_id)
            if nth % TURN_INSTANCES == 0:
                await asyncio.sleep(0)
        event = result.event
        if isinstance(event, ProbeCompleted) and event.instance not in result.touched:
            self._pace(event.instance)

    def _with_evidence(self, result: StepResult) -> StepResult:
        if not isinstance(result.event, RemedyExecuted | EvidenceGathered):
            return result
        evidence = self._remedies.evidence_of(result.event.instance)
        return result._replace(evidence=evidence)

    def _tell(self, listener: StepListener, result: StepResult) -> None:
        try:
            listener.on_step(result)
        except Exception:  # noqa: BLE001  decisions are carried out all the same
            logger.exception("a step could not be told: {}", type(result.event))

    def _carry_out(self, decision: Decision) -> None:
        instance = self.state.instances[decision.instance]
        if decision.action in _HANDED_OVER and instance.container is not None:
            target = self.state.target_of(instance)
            self._remedies.carry_out(decision, target, instance.container)

    def _pace_again(self, event: Event) -> None:
        """Have an instance probed again although its result was lost."""
        if isinstance(event, ProbeCompleted):
            self._pace(event.instance)

    def _pace(self, instance_id: InstanceId) -> None:
        instance = self.state.instances.get(instance_id)
        if instance is None:
            return
        every_s = probe_interval_s(self.state, instance)
        if every_s is None or instance.container is None:
            self._probing.forget(instance_id)
            return
        target = self.state.target_of(instance)
        self._probing.pace(instance_id, target, instance.container, every_s)


def _no_step(event: Event, state: State) -> StepResult:
    """The result of an event that could not be processed."""
    return StepResult(event, (), (), (), state)


def _log_bad(event: Event) -> None:
    logger.exception("an event could not be processed: {}", type(event))
