"""Questions to busy targets, for as long as a restart waits for them."""

import asyncio

from loguru import logger

from sidecar.core.model.event import BusyAnswered
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import BusyAsker, Clock, Post
from sidecar.core.recovery.busy_wait import instances_being_asked

ASK_EVERY_S = 5.0


class BusyWatcher:
    """A listener to steps: asks while the state waits, and posts each answer.

    One task for each instance that is asked; none while nothing waits.
    """

    def __init__(
        self,
        asker: BusyAsker,
        clock: Clock,
        post: Post,
        every_s: float = ASK_EVERY_S,
    ) -> None:
        self._asker = asker
        self._clock = clock
        self._post = post
        self._every_s = every_s
        self._state: State | None = None
        self._tasks: dict[InstanceId, asyncio.Task[None]] = {}

    def on_step(self, result: StepResult) -> None:
        """Begin to ask the instances that a restart waits for since this step."""
        self._state = result.state
        if not result.state.busy_waits:
            return
        for instance_id in instances_being_asked(result.state, self._clock.now()):
            if instance_id not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._ask(instance_id))
                self._tasks[instance_id] = task

    async def _ask(self, instance_id: InstanceId) -> None:
        """Ask at once, and again every ``every_s`` until nothing waits for it."""
        try:
            while self._is_asked(instance_id):
                await self._ask_once(instance_id)
                await asyncio.sleep(self._every_s)
        except Exception:  # noqa: BLE001 - what does not answer counts as free in the end
            logger.exception("{} could not be asked", instance_id.target)
        finally:
            del self._tasks[instance_id]

    def _is_asked(self, instance_id: InstanceId) -> bool:
        if self._state is None:
            return False
        now = self._clock.now()
        return instance_id in instances_being_asked(self._state, now)

    async def _ask_once(self, instance_id: InstanceId) -> None:
        if self._state is None:
            return
        instance = self._state.instances[instance_id]
        settings = self._state.target_of(instance).busy
        container = instance.container
        if settings is None or container is None:
            return
        answer = await self._asker.ask_busy(settings, container)
        now = self._clock.now()
        self._post(BusyAnswered(now, instance_id, container.run, answer))

    async def close(self) -> None:
        """Cancel all questions."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
