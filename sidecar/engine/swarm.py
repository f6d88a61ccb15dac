"""The services of one Docker Swarm stack, through the engine of a manager.

To the rest of Sidecar each slot of a service is a container, and each of its tasks a
run of that container. The remedy, a restart or a start, is a forced update of the
service: swarm replaces its tasks by new ones with the same settings.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial

from sidecar.core.model.container import Container, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import (
    Connected,
    ContainerGone,
    Disconnected,
    EngineError,
    EngineEvent,
    EngineRefused,
    EngineTimeout,
    LeftAlone,
    Replacement,
)
from sidecar.engine import requests, swarm_requests
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import NAMESPACE_LABEL, ContainerOwner
from sidecar.engine.docker import DockerEngine
from sidecar.engine.errors import one_line
from sidecar.engine.operations import Operation
from sidecar.engine.swarm_requests import SlotContainer
from sidecar.engine.swarm_slots import Slot, is_ended_by_swarm
from sidecar.engine.swarm_update import (
    ForcedUpdate,
    find_objection,
    force_update,
    task_id,
)

_ANSWER_S = 10.0
_LIST_S = 30.0
_LOOK_EVERY_S = 0.5
_PASSED_ON = frozenset(
    {EngineEventKind.OOM, EngineEventKind.HEALTH, EngineEventKind.PAUSE}
    | {EngineEventKind.UNPAUSE}
)
"""Events of a task's container that mean the same as those of any container."""
_GIVEN_UP = frozenset(
    {"paused", "rollback_started", "rollback_paused", "rollback_completed"}
)
"""States of an update that swarm does not complete."""


class SwarmEngine(DockerEngine):
    """Implements core.ports.Engine for the services of the stack ``stack``.

    ``own_id`` is Sidecar's own container, whose service is not among them. What only a
    task's own engine can do (processes, commands, logs, files) is EngineRefused for a
    task on another node.
    """

    def __init__(
        self,
        link: EngineConnection,
        stack: str,
        own_id: str = "",
        *,
        answer_margin_s: float = 15.0,
    ) -> None:
        super().__init__(link, stack, answer_margin_s=answer_margin_s)
        self._stack = stack
        self._label = f"{NAMESPACE_LABEL}={stack}"
        self._own_id = own_id
        self._listed: Mapping[str, Container] = {}
        self._slots: dict[str, Slot] = {}
        self._slot_ids: dict[str, str] = {}
        """Slots by the container of the task that was last seen there."""
        self._forced: dict[str, ForcedUpdate] = {}

    async def containers(self) -> tuple[Container, ...]:  # type: ignore[explicit-override]
        """One container for each slot of the stack's services."""
        stack, own_id = self._stack, self._own_id
        slots = await self._link.ask(
            "list",
            lambda client: swarm_requests.list_slots(
                client, stack, own_id, self._is_treated
            ),
            _LIST_S,
        )
        self._slots.clear()
        self._slot_ids.clear()
        listed = tuple(self._note(slot) for slot in slots)
        self._listed = {container.id: container for container in listed}
        return listed

    async def inspect(self, container_id: str) -> Container:  # type: ignore[explicit-override]
        """The slot as it is now, whichever task is there."""
        stack = self._stack
        return self._note(
            await self._link.ask(
                "inspect",
                lambda client: swarm_requests.inspect_slot(
                    client, stack, container_id, self._is_treated
                ),
                _ANSWER_S,
            )
        )

    def _note(self, pair: SlotContainer) -> Container:
        slot, container = pair
        self._slots[slot.id] = slot
        if slot.shown_task is not None and slot.shown_task.container_id:
            self._slot_ids[slot.shown_task.container_id] = slot.id
        earlier = self._listed.get(slot.id)
        return earlier if earlier == container and earlier is not None else container

    async def start(self, container_id: str) -> None:  # type: ignore[explicit-override]
        """Have swarm make a new task for a slot that has none."""
        await self._replace("start", container_id, 0.0)

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:  # type: ignore[explicit-override]
        """Have swarm replace the tasks of the slot's service, and wait for its task.

        The service's own ``stop_grace_period`` applies, not ``stop_timeout_s``.
        """
        await self._replace("restart", container_id, stop_timeout_s)

    async def _replace(
        self, operation: Operation, slot_id: str, stop_timeout_s: float
    ) -> None:
        judged = self._slots.get(slot_id)
        if judged is None:
            raise LeftAlone("it was not inspected before")
        wait_s = max(stop_timeout_s, judged.service.grace_s) + self._answer_margin_s
        until = time.monotonic() + wait_s
        await self._force_update(operation, judged)
        while time.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY_S)
            if await self._is_replaced(judged):
                return
        raise EngineTimeout("swarm took the forced update; the new task is not up yet")

    async def _force_update(self, operation: Operation, judged: Slot) -> None:
        service_id, stack = judged.service.id, self._stack
        earlier = self._forced.get(service_id)
        objection = partial(find_objection, judged, earlier)

        def announce(count: int) -> None:
            forced = ForcedUpdate(judged.id, count, time.monotonic())
            self._forced[service_id] = forced

        try:
            await self._link.act(
                operation,
                lambda client: force_update(
                    client, stack, judged.id, objection, announce
                ),
                _ANSWER_S,
            )
        except EngineTimeout:
            raise
        except EngineError:
            if earlier is None:
                self._forced.pop(service_id, None)
            else:
                self._forced[service_id] = earlier
            raise

    def _is_treated(self, slot: Slot) -> bool:
        """Is the update of its service our remedy for this slot?"""
        forced = self._forced.get(slot.service.id)
        count = slot.service.spec.task_template.force_update
        return (
            forced is not None
            and forced.slot_id == slot.id
            and forced.force_update == count
        )

    async def _is_replaced(self, judged: Slot) -> bool:
        """Does a new task run? EngineRefused: swarm has given up the update."""
        try:
            container = await self.inspect(judged.id)
        except ContainerGone:
            raise
        except EngineError:
            return False
        slot = self._slots[judged.id]
        if task_id(slot) != task_id(judged):
            return container.status is Status.RUNNING
        update = slot.service.update
        is_ours = update.started_at != judged.service.update.started_at
        if is_ours and update.state in _GIVEN_UP:
            reason = one_line(update.message, self._link.mask)
            raise EngineRefused(f"swarm did not complete the forced update: {reason}")
        return False

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:  # type: ignore[explicit-override]
        """Refused: swarm would make another task."""
        del container_id, stop_timeout_s
        raise EngineRefused("a task of a swarm service cannot be stopped for good")

    async def plan_replacement(  # type: ignore[explicit-override]
        self, container_id: str, wallets: tuple[str, ...] | None
    ) -> Replacement:
        """Refused: a forced update does the same."""
        del container_id, wallets
        raise EngineRefused(
            "a swarm service is not recreated: each restart makes new containers"
        )

    async def events(  # type: ignore[explicit-override]
        self,
    ) -> AsyncGenerator[EngineEvent | Connected | Disconnected, None]:
        """Events of the stack's tasks on this node.

        Those that swarm causes itself only say that something has changed.
        """
        async with aclosing(super().events()) as items:
            async for item in items:
                if isinstance(item, EngineEvent):
                    item = await self._translate(item)  # noqa: PLW2901
                yield item

    async def _translate(self, event: EngineEvent) -> EngineEvent:
        slot_id = self._slot_ids.get(event.container_id)
        if slot_id is None:
            return event._replace(kind=EngineEventKind.OTHER)
        if event.kind in _PASSED_ON:
            return event._replace(container_id=slot_id)
        if event.kind is EngineEventKind.DIE and await self._ended_by_itself(
            slot_id, event.container_id
        ):
            return event._replace(container_id=slot_id)
        return event._replace(kind=EngineEventKind.OTHER)

    async def _ended_by_itself(self, slot_id: str, container_id: str) -> bool:
        """Did the container end although swarm wanted its task to run?"""
        stack = self._stack
        try:
            slot, _ = await self._link.ask(
                "inspect",
                lambda client: swarm_requests.read_slot(client, stack, slot_id),
                _ANSWER_S,
            )
        except ContainerGone:
            return False
        except EngineError:
            return True
        tasks = [task for task in slot.tasks if task.container_id == container_id]
        return bool(tasks) and not is_ended_by_swarm(tasks[0])

    async def _own(self, container_id: str) -> ContainerOwner:  # type: ignore[explicit-override]
        """The container of the slot's task. EngineRefused: it is on another node."""
        slot = self._slots.get(container_id)
        if slot is None:
            await self.inspect(container_id)
            slot = self._slots[container_id]
        task_container_id = (
            slot.shown_task.container_id if slot.shown_task is not None else ""
        )
        if not task_container_id:
            raise EngineRefused("its task has no container yet")
        service = slot.service
        try:
            await self._link.ask(
                "inspect",
                lambda client: requests.inspect(client, task_container_id),
                _ANSWER_S,
            )
        except ContainerGone:
            raise EngineRefused(
                "not available: its task runs on another node, whose engine alone has "
                "its processes, log and files"
            ) from None
        return ContainerOwner(task_container_id, service.stack, service.tty)
