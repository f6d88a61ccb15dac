"""Measurements of a container's full disk, until it has space again."""

import asyncio

from sidecar.core.model.container import Container
from sidecar.core.model.host_event import DiskExamined
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import Clock, Post
from sidecar.remedies.disk_examination import DiskExamination

MEASURE_EVERY_S = 15.0


class DiskWatcher:
    """A listener to steps: measures the disks of each instance with a full one.

    Nothing is posted where nothing can be measured: the sign then gets old.
    """

    def __init__(
        self,
        disks: DiskExamination,
        clock: Clock,
        post: Post,
        every_s: float = MEASURE_EVERY_S,
    ) -> None:
        self._disks = disks
        self._clock = clock
        self._post = post
        self._every_s = every_s
        self._due_mono: dict[InstanceId, float] = {}
        self._tasks: dict[InstanceId, asyncio.Task[None]] = {}

    def on_step(self, result: StepResult) -> None:
        """Begin the measurements that are due."""
        faults, now_mono = result.state.disk_faults, result.event.at.mono
        if not faults and not self._due_mono:
            return
        self._due_mono = {
            i: self._due_mono.get(i, now_mono + self._every_s) for i in faults
        }
        for instance_id, due_mono in self._due_mono.items():
            instance = result.state.instances.get(instance_id)
            container = instance.container if instance is not None else None
            if container is not None and now_mono >= due_mono:
                self._begin(instance_id, container, now_mono)

    def _begin(
        self, instance_id: InstanceId, container: Container, now_mono: float
    ) -> None:
        if instance_id in self._tasks:
            return
        self._due_mono[instance_id] = now_mono + self._every_s
        task = asyncio.get_running_loop().create_task(
            self._measure(instance_id, container)
        )
        self._tasks[instance_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(instance_id))

    async def _measure(self, instance_id: InstanceId, container: Container) -> None:
        full = await self._disks.measure(container)
        if full is not None:
            now = self._clock.now()
            self._post(DiskExamined(now, instance_id, container.run, full))

    async def close(self) -> None:
        """Cancel all measurements."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
