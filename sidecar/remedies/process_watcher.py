"""Inspection of container processes apart from remedies.

The processes of a healthy run must be known before it fails: each run is inspected
once. A container whose answer is late is inspected for a stopped process.
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
"""The pause after an inspection that the engine did not answer."""


class ProcessWatcher:
    """A listener to steps; each inspection with a result posts an event.

    ``on_known`` is called with the working processes of a run that answers well.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        post: Post,
        mask: Mask,
        *,
        host: HostProcesses | None = None,
        on_known: OnKnown = lambda *_: None,
    ) -> None:
        self._engine = engine
        self._host = host
        self._on_known = on_known
        self._clock = clock
        self._post = post
        self._looks = StoppedProcesses(clock, mask)
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._known: dict[InstanceId, RunId] = {}
        self._not_before: dict[InstanceId, float] = {}
        self._tasks: dict[InstanceId, asyncio.Task[None]] = {}

    def on_step(self, result: StepResult) -> None:
        """After a healthy answer: inspect, unless this run was inspected already."""
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

    def forget(self, instance_id: InstanceId) -> None:
        """Forget the inspection of an instance whose processes have ended.

        It is inspected again once it answers well.
        """
        self._known.pop(instance_id, None)

    def look_at_silent(
        self, instance_id: InstanceId, container: Container, since_mono: float
    ) -> None:
        """Inspect an instance whose probe of ``since_mono`` has no answer yet."""
        self._begin(instance_id, container, since_mono)

    def _is_due(self, instance: Instance, container: Container) -> bool:
        health = instance.health
        if health.up is not True or health.failures:
            return False
        if self._known.get(instance.id) == container.run:
            return False
        now = self._clock.now().mono
        return now >= self._not_before.get(instance.id, now)

    def _begin(
        self, instance_id: InstanceId, container: Container, silent_mono: float | None
    ) -> None:
        if instance_id in self._tasks:
            return
        look = self._look(instance_id, container, silent_mono)
        task = asyncio.get_running_loop().create_task(look)
        self._tasks[instance_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(instance_id, None))

    async def _look(
        self, instance_id: InstanceId, container: Container, silent_mono: float | None
    ) -> None:
        async with self._limit:
            asked_mono = self._clock.now().mono
            try:
                async with asyncio.timeout(LOOK_S):
                    findings = await find_stopped_processes(
                        self._engine, container, self._host
                    )
            except TimeoutError:
                findings = None
        if findings is None:
            self._not_before[instance_id] = self._clock.now().mono + AGAIN_AFTER_S
            return
        if silent_mono is None:
            self._known[instance_id] = container.run
            self._on_known(
                instance_id, container, findings.working if findings.serves else ()
            )
        event = self._looks.event(instance_id, container, findings, asked_mono)
        self._post(replace(event, silent_since_mono=silent_mono))

    async def close(self) -> None:
        """Cancel all inspections."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
