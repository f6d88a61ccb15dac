"""Requests about swarm services, in the thread of the call."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import msgspec

from sidecar.core.model.container import Container, Status
from sidecar.core.ports.engine import ContainerGone, EngineError, EngineUnreachable
from sidecar.engine import containers, requests
from sidecar.engine.client import Client
from sidecar.engine.containers import NAMESPACE_LABEL
from sidecar.engine.errors import TRANSLATED_ERRORS, NotFound, engine_error
from sidecar.engine.listing import FIRST_SILENCE_S, NEXT_SILENCE_S
from sidecar.engine.swarm_services import read_service
from sidecar.engine.swarm_slots import Slot, find_slots, read_container, read_slot_id
from sidecar.engine.swarm_types import Service, Task

IsTreated = Callable[[Slot], bool]
"""Is the update of the slot's service Sidecar's own remedy for this slot?"""


class SlotContainer(NamedTuple):
    """A slot, and the container that it is to the rest of Sidecar."""

    slot: Slot
    container: Container


def list_slots(
    client: Client, stack: str, own_id: str, is_treated: IsTreated
) -> tuple[SlotContainer, ...]:
    """All slots of the stack but those of Sidecar's own service."""
    label = {"label": [f"{NAMESPACE_LABEL}={stack}"]}
    answer = requests.read_body(client, "/services", label)
    tasks = _read_tasks(client, label)
    own = {task.service_id for task in tasks if own_id and task.container_id == own_id}
    services = [
        service
        for raw in msgspec.json.decode(answer, type=list[Service])
        if raw.id not in own and (service := read_service(raw, stack)) is not None
    ]
    local_ids = _local_ids(client, label)
    slots = (slot for service in services for slot in find_slots(service, tasks))
    return tuple(_inspect_slots(client, slots, local_ids, is_treated))


def inspect_slot(
    client: Client, stack: str, slot_id: str, is_treated: IsTreated
) -> SlotContainer:
    """One slot. ContainerGone: it is gone, or of another stack."""
    slot = read_slot(client, stack, slot_id)[0]
    return next(_inspect_slots(client, [slot], None, is_treated))


def read_slot(client: Client, stack: str, slot_id: str) -> tuple[Slot, Service]:
    """One slot, and its service as inspected. ContainerGone."""
    try:
        service_id, number = read_slot_id(slot_id)
    except ValueError as error:
        raise ContainerGone(str(error)) from error
    raw = _inspect_service(client, service_id)
    service = read_service(raw, stack)
    if service is None:
        raise ContainerGone(f"service {service_id} is not of the stack {stack!r}")
    tasks = _read_tasks(client, {"service": [service_id]})
    for slot in find_slots(service, tasks):
        if slot.number == number:
            return slot, raw
    raise ContainerGone(f"{service.full_name} has no task {number} any more")


def _inspect_service(client: Client, service_id: str) -> Service:
    try:
        answer = requests.read_body(client, f"/services/{service_id}")
    except NotFound as error:
        if f"service {service_id} not found" in str(error):
            raise ContainerGone(f"there is no service {service_id}") from error
        raise
    return msgspec.json.decode(answer, type=Service)


def _read_tasks(client: Client, filters: dict[str, list[str]]) -> list[Task]:
    return msgspec.json.decode(
        requests.read_body(client, "/tasks", filters), type=list[Task]
    )


def _local_ids(client: Client, label: dict[str, list[str]]) -> frozenset[str]:
    """The stack's containers of this engine: the tasks of this node."""
    raw: object = client.containers(all=True, filters=label)
    return frozenset(entry.id for entry in containers.read_list(raw))


def _inspect_slots(
    client: Client,
    slots: Iterable[Slot],
    local_ids: frozenset[str] | None,
    is_treated: IsTreated,
) -> Iterator[SlotContainer]:
    """The slots with the facts of this engine about its own containers.

    ``local_ids`` None: each container is asked for, and may be on another node.
    """
    silent = False
    for slot in slots:
        container_id = (
            slot.shown_task.container_id if slot.shown_task is not None else ""
        )
        local, fault = None, ""
        if container_id and (local_ids is None or container_id in local_ids):
            try:
                with client.within(NEXT_SILENCE_S if silent else FIRST_SILENCE_S):
                    local = requests.inspect(client, container_id)
            except ContainerGone:
                local = None
            except (*TRANSLATED_ERRORS, EngineError) as error:
                translated = engine_error(error, client.mask)
                if isinstance(translated, EngineUnreachable):
                    raise translated from error
                silent, fault = True, str(translated)
        replaces = slot.service.replaces_tasks(time.time())
        container = read_container(
            slot, local, client.mask, is_replaced=replaces and not is_treated(slot)
        )
        yield SlotContainer(slot, _with_fault(container, fault) if fault else container)


def _with_fault(container: Container, fault: str) -> Container:
    return replace(container, status=Status.UNKNOWN, fault=fault)
