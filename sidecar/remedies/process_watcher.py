"""Inspection of container processes apart from remedies.

The processes of a healthy run must be known before it fails: each run is inspected
once, one after the other, with pauses. At a start of thousands the inspections would
otherwise take the time of their probes. A container whose answer is late is inspected
for a stopped process, and waits for none of the others.
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

SILENT_AT_ONCE = 2
PAUSE_PART, PAUSE_MOST_S = 9.0, 1.0
"""The pause after the inspection of a healthy run, as a multiple of its duration: all
inspections together take a tenth of the time."""
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
        self._silent_limit = asyncio.Semaphore(SILENT_AT_ONCE)
        self._waiting: dict[InstanceId, Container] = {}
        """Healthy runs that wait for their inspection, in their order; the first one
        is inspected now.
        """
        self._known: dict[InstanceId, RunId] = {}
        self._not_before: dict[InstanceId, float] = {}
        self._inspection: asyncio.Task[None] | None = None
        self._silent_tasks: dict[InstanceId, asyncio.Task[None]] = {}

    def on_step(self, result: StepResult) -> None:
        """After a healthy answer: inspect, unless this run was inspected already."""
        if not isinstance(result.event, ProbeCompleted):
            return
        instance_id = result.event.instance
        instance = result.state.instances.get(instance_id)
        if instance is None:
            self._known.pop(instance_id, None)
            self._not_before.pop(instance_id, None)
            self._waiting.pop(instance_id, None)
            return
        container, target = instance.container, result.state.target_of(instance)
        if (
            container is None
            or not self._is_due(instance, container)
            or not target.is_asked_over_network
        ):
            self._waiting.pop(instance_id, None)
            return
        self._waiting[instance_id] = container
        if self._inspection is None:
            inspection = self._inspect_waiting()
            self._inspection = asyncio.get_running_loop().create_task(inspection)

    def forget(self, instance_id: InstanceId) -> None:
        """Forget the inspection of an instance whose processes have ended.

        It is inspected again once it answers well.
        """
        self._known.pop(instance_id, None)

    def look_at_silent(
        self, instance_id: InstanceId, container: Container, since_mono: float
    ) -> None:
        """Inspect an instance whose probe of ``since_mono`` has no answer yet."""
        if instance_id in self._silent_tasks:
            return
        look = self._look_at_silent(instance_id, container, since_mono)
        task = asyncio.get_running_loop().create_task(look)
        self._silent_tasks[instance_id] = task
        task.add_done_callback(lambda _: self._silent_tasks.pop(instance_id, None))

    def _is_due(self, instance: Instance, container: Container) -> bool:
        health = instance.health
        if health.up is not True or health.failures:
            return False
        if self._known.get(instance.id) == container.run:
            return False
        now = self._clock.now().mono
        return now >= self._not_before.get(instance.id, now)

    async def _inspect_waiting(self) -> None:
        """Inspect the healthy runs that wait, until none does."""
        try:
            while self._waiting:
                instance_id, container = next(iter(self._waiting.items()))
                began_mono = self._clock.now().mono
                await self._look(instance_id, container, None)
                # Not before: an answer meanwhile would have it inspected again.
                self._waiting.pop(instance_id, None)
                took_s = self._clock.now().mono - began_mono
                await asyncio.sleep(min(PAUSE_MOST_S, PAUSE_PART * took_s))
        finally:
            self._inspection = None

    async def _look_at_silent(
        self, instance_id: InstanceId, container: Container, since_mono: float
    ) -> None:
        async with self._silent_limit:
            await self._look(instance_id, container, since_mono)

    async def _look(
        self, instance_id: InstanceId, container: Container, silent_mono: float | None
    ) -> None:
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
        inspection = () if self._inspection is None else (self._inspection,)
        tasks = (*inspection, *self._silent_tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
