"""Looks into containers beside the loop, where nothing is decided on.

Which processes live in a run that answers well is to be known before it fails. It is
looked at once in each run. While an answer is awaited for long, it is looked whether
a process is stopped.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sidecar.core.model.container import Container, RunId
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.instance import Instance
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import Engine, HostProcesses
from sidecar.core.ports.loop import Clock, Post
from sidecar.remedies.evidence import Mask
from sidecar.remedies.stopped_processes import (
    LOOK_S,
    StoppedProcesses,
    find_stopped_processes,
)

OnKnown = Callable[[InstanceId, Container, tuple[int, ...]], None]

AT_ONCE = 2
AGAIN_AFTER_S = 60.0
"""Where the engine did not say."""


class ProcessWatcher:
    """A teller that hears of answers; each look that tells something is an event.

    ``on_known`` is told which processes work in a run that answers well.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        post: Post,
        mask: Mask,
        *,
        sight: HostProcesses | None = None,
        on_known: OnKnown = lambda *_: None,
    ) -> None:
        self._engine = engine
        self._sight = sight
        self._on_known = on_known
        self._clock = clock
        self._post = post
        self._looks = StoppedProcesses(clock, mask)
        self._few = asyncio.Semaphore(AT_ONCE)
        self._known: dict[InstanceId, RunId] = {}
        self._not_before: dict[InstanceId, float] = {}
        self._tasks: dict[InstanceId, asyncio.Task[None]] = {}

    def on_step(self, result: StepResult) -> None:
        """After an answer: look, where that was not done in this run."""
        if not isinstance(result.event, ProbeCompleted):
            return
        instance = result.state.instances.get(result.event.instance)
        if instance is None:
            self._known.pop(result.event.instance, None)
            self._not_before.pop(result.event.instance, None)
            return
        container, target = instance.container, result.state.target_of(instance)
        if container is None or not self._is_due(instance, container):
            return
        if not target.is_asked_over_network:
            return
        self._begin(result.event.instance, container, None)

    def forget(self, who: InstanceId) -> None:
        """What was known of it has ended: look again once it answers well."""
        self._known.pop(who, None)

    def look_at_silent(
        self, who: InstanceId, container: Container, since_mono: float
    ) -> None:
        """A probe that was sent at ``since_mono`` has no answer yet."""
        self._begin(who, container, since_mono)

    def _is_due(self, instance: Instance, container: Container) -> bool:
        health = instance.health
        if health.up is not True or health.failures:
            return False
        if self._known.get(instance.id) == container.run:
            return False
        now = self._clock.now().mono
        return now >= self._not_before.get(instance.id, now)

    def _begin(
        self, who: InstanceId, container: Container, silent_mono: float | None
    ) -> None:
        if who in self._tasks:
            return
        look = self._look(who, container, silent_mono)
        task = asyncio.get_running_loop().create_task(look)
        self._tasks[who] = task
        task.add_done_callback(lambda _: self._tasks.pop(who, None))

    async def _look(
        self, who: InstanceId, container: Container, silent_mono: float | None
    ) -> None:
        async with self._few:
            asked_mono = self._clock.now().mono
            try:
                async with asyncio.timeout(LOOK_S):
                    seen = await find_stopped_processes(
                        self._engine, container, self._sight
                    )
            except TimeoutError:
                seen = None
        if seen is None:
            self._not_before[who] = self._clock.now().mono + AGAIN_AFTER_S
            return
        if silent_mono is None:
            self._known[who] = container.run
            self._on_known(who, container, seen.working if seen.serves else ())
        event = self._looks.event(who, container, seen, asked_mono)
        self._post(replace(event, silent_since_mono=silent_mono))

    async def close(self) -> None:
        """Look no more."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
