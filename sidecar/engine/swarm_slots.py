"""Tasks of a swarm service as containers: one for each slot. Pure.

Swarm never restarts a task: it ends it and makes another one in the same slot. So a
slot is to Sidecar what a container is in compose, and each task is one of its runs.
"""

import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from sidecar.core.model.container import Container, Endpoint, NativeHealth, Status
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.status.network_reach import HOST, OTHER_HOST
from sidecar.engine.containers import epoch_seconds
from sidecar.engine.errors import Mask, one_line
from sidecar.engine.swarm_services import SwarmService
from sidecar.engine.swarm_types import Task

_ENDS = frozenset({"shutdown", "remove"})
"""Desired states of tasks that swarm ends or has ended."""
_OWN_ENDS = frozenset({"complete", "failed", "rejected"})
"""States of tasks that ended by themselves."""
_ENDED = _OWN_ENDS | {"shutdown", "orphaned", "remove"}
_RUNNING = ("running", "starting")
"""``starting``: the container runs, and its HEALTHCHECK has not succeeded yet."""
_POLICIES = {"any": "always", "on-failure": "on-failure", "none": "no"}
_INGRESS = "ingress"
"""The network of published ports: no container can reach a task over it."""
_SMALLEST, _NUMBERS = 100_000, 900_000


class Slot(NamedTuple):
    """A place for a task; ``tasks``: the newest first. Without tasks: scaled to 0."""

    service: SwarmService
    number: int
    tasks: tuple[Task, ...]

    @property
    def id(self) -> str:
        """An id that no container has, for as long as the service exists."""
        return f"{self.service.id}.{self.number}"

    @property
    def running_task(self) -> Task | None:
        """The task that runs: of several, as in an update, the newest."""
        for state in _RUNNING:
            for task in self.tasks:
                if task.status.state == state:
                    return task
        return None

    @property
    def shown_task(self) -> Task | None:
        """The task whose run is the slot's: it runs, or it was the last that did."""
        return self.running_task or next(filter(has_ended, self.tasks), None)


def has_ended(task: Task) -> bool:
    """Has the task ended?"""
    return task.status.state in _ENDED


def is_ended_by_swarm(task: Task) -> bool:
    """Does swarm end the task itself, as for an update or a drained node?"""
    return task.desired_state in _ENDS and task.status.state not in _OWN_ENDS


def read_slot_id(container_id: str) -> tuple[str, int]:
    """The service's id and the number of a slot; ValueError: it is no slot's id."""
    service_id, _, number = container_id.partition(".")
    if not service_id.isalnum():
        raise ValueError(f"{container_id[:40]!r} is no slot of a service")
    return service_id, int(number)


def find_slots(service: SwarmService, tasks: Iterable[Task]) -> tuple[Slot, ...]:
    """The slots of a service, by number.

    Swarm keeps tasks of slots that were removed: a slot without a task to come counts
    only if its task ended by itself, and if not enough others are there.
    """
    newest_first = sorted(tasks, key=lambda task: task.created_at, reverse=True)
    ours = [t for t in newest_first if t.service_id == service.id]
    numbers = _number_nodes({t.node_id for t in ours}) if service.is_global else {}
    by_number: dict[int, list[Task]] = {}
    for task in ours:
        if task.desired_state != "remove":
            number = numbers.get(task.node_id, task.slot)
            by_number.setdefault(number, []).append(task)
    live = [n for n, all_ in by_number.items() if _has_task_to_come(all_)]
    dead = [n for n, all_ in by_number.items() if n not in live and _has_died(all_)]
    missing = len(dead) if service.is_global else service.replicas - len(live)
    shown_numbers = sorted((*live, *dead[: max(0, missing)]))
    if not shown_numbers and service.hold is ServiceHold.SCALED_TO_ZERO:
        return (Slot(service, 1, ()),)
    return tuple(Slot(service, n, tuple(by_number[n])) for n in shown_numbers)


def _has_task_to_come(tasks: list[Task]) -> bool:
    return any(task.desired_state not in _ENDS for task in tasks)


def _has_died(tasks: list[Task]) -> bool:
    return tasks[0].status.state in _OWN_ENDS


def _number_nodes(node_ids: Iterable[str]) -> dict[str, int]:
    """A number for each node, the same whichever other nodes there are.

    Of two nodes with equal sums, the one whose id comes later gets the next number.
    """
    numbers: dict[str, int] = {}
    for node_id in sorted(node_ids):
        number = _SMALLEST + zlib.crc32(node_id.encode()) % _NUMBERS
        while number in numbers.values():
            number += 1
        numbers[node_id] = number
    return numbers


def read_container(
    slot: Slot, local: Container | None, mask: Mask, *, is_replaced: bool
) -> Container:
    """The slot as a container. ``local``: the container of ``slot.shown_task`` if it is
    one of this engine; only that engine knows its health and its processes.
    ``is_replaced``: if its task does not run, an update is replacing it.
    """
    service, task = slot.service, slot.shown_task
    status, error = _find_status(slot, local, is_replaced=is_replaced)
    policy = service.restart_policy
    endpoints, mode = _find_networks(service, task, is_local=local is not None)
    base = local or Container(
        slot.id, "", "", "", 0, status, health=_remote_health(slot)
    )
    ended = task is not None and has_ended(task)
    return replace(
        base,
        id=slot.id,
        name=f"{service.full_name}.{slot.number}",
        stack=service.stack,
        service=service.name,
        number=slot.number,
        status=status,
        started_at=epoch_seconds(task.created_at) if task is not None else 0.0,
        finished_at=(
            epoch_seconds(task.status.timestamp)
            if task is not None and ended
            else base.finished_at
        ),
        exit_code=0 if status is Status.CREATED else _exit_code(task, local),
        restart_policy=_POLICIES.get(policy.condition, "always"),
        restart_limit=policy.max_attempts or 0,
        restart_count=0,
        networks=frozenset(endpoint.network for endpoint in endpoints),
        labels=service.labels,
        error=one_line(error, mask),
        endpoints=endpoints,
        network_mode=mode,
        stop_timeout_s=service.grace_s,
        service_hold=service.hold,
    )


def _remote_health(slot: Slot) -> NativeHealth:
    """Swarm calls a task running only once its HEALTHCHECK, if any, has succeeded."""
    running = slot.running_task
    if running is None:
        return NativeHealth.NONE
    is_up = running.status.state == "running"
    return NativeHealth.HEALTHY if is_up else NativeHealth.STARTING


def _exit_code(task: Task | None, local: Container | None) -> int:
    if local is not None:
        return local.exit_code
    status = task.status.container_status if task is not None else None
    return status.exit_code if status is not None else 0


def _find_status(
    slot: Slot, local: Container | None, *, is_replaced: bool
) -> tuple[Status, str]:
    """The status, and why swarm cannot start a task, if it says so."""
    if not slot.tasks:
        return Status.CREATED, ""
    alive = {Status.RUNNING, Status.PAUSED}
    if slot.running_task is not None and (local is None or local.status in alive):
        return (local.status if local is not None else Status.RUNNING), ""
    newest, shown_task = slot.tasks[0], slot.shown_task
    is_pending = newest is not shown_task
    if not is_pending and not _is_made_again(slot, local):
        return Status.EXITED, ""
    error = newest.status.err if is_pending else ""
    if shown_task is not None and shown_task.status.state == "rejected":
        error = error or shown_task.status.err
    if not error and (shown_task is None or is_replaced):
        return Status.CREATED, ""
    return Status.RESTARTING, error


def _is_made_again(slot: Slot, local: Container | None) -> bool:
    """Is swarm sure to make another task after the last one, which has ended?"""
    policy = slot.service.restart_policy
    if policy.max_attempts:
        return False
    if policy.condition == "on-failure":
        return _exit_code(slot.shown_task, local) != 0
    return policy.condition != "none"


def _find_networks(
    service: SwarmService, task: Task | None, *, is_local: bool
) -> tuple[tuple[Endpoint, ...], str]:
    """The task's addresses by network, and its network mode."""
    attachments = (task.attachments if task is not None else None) or []
    if any(a.network.spec.name == HOST for a in attachments):
        return (), HOST if is_local else OTHER_HOST
    aliases = {
        target.target: target.aliases or ()
        for target in service.spec.task_template.networks or ()
    }
    own = (service.full_name, f"tasks.{service.name}", f"tasks.{service.full_name}")
    return tuple(
        Endpoint(
            attachment.network.spec.name,
            tuple(a.partition("/")[0] for a in attachment.addresses or ()),
            frozenset(
                name.casefold()
                for name in (*own, *aliases.get(attachment.network.id, ()))
            ),
        )
        for attachment in attachments
        if attachment.network.spec.name != _INGRESS
    ), ""
