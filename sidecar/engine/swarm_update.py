"""The forced update of a swarm service: swarm makes new tasks of the same settings."""

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.ports.engine import EngineError, LeftAlone, ReplacedAlready
from sidecar.engine.client import Client
from sidecar.engine.errors import raise_for_status
from sidecar.engine.swarm_requests import read_slot
from sidecar.engine.swarm_slots import Slot
from sidecar.engine.swarm_types import Service

ATTEMPTS = 5
_PAUSE_S = 0.1
_CLASH = "update out of sequence"
"""The manager's words for a version that is not the present one; the status is 500."""

SIBLINGS_S = 300.0
"""A forced update replaces the tasks of all slots: for so long it is not repeated for
another slot whose task it has made.
"""

Objection = Callable[[Slot], LeftAlone | None]
"""Why a slot must not be replaced now; None: it may be."""


class ForcedUpdate(NamedTuple):
    """Our last forced update of a service: for which slot, and its counter."""

    slot_id: str
    force_update: int
    at_mono: float


def find_objection(
    judged: Slot, forced: ForcedUpdate | None, slot: Slot
) -> LeftAlone | None:
    """Why the slot, which is now ``slot``, is not the one that was judged; or None.

    ``forced``: our last forced update of its service. ReplacedAlready: it has made the
    slot's task for another slot.
    """
    task = slot.shown_task
    if forced is not None and task is not None and forced.slot_id != slot.id:
        age_s = time.monotonic() - forced.at_mono
        if age_s < SIBLINGS_S and task.spec.force_update >= forced.force_update:
            return ReplacedAlready(
                f"a forced update {age_s:.0f} s ago, for another task of the service, "
                "has replaced its task as well"
            )
    if task_id(judged) != task_id(slot):
        return LeftAlone("its task was replaced meanwhile")
    return None


def task_id(slot: Slot) -> str:
    """The id of the task whose run is the slot's; empty: there is none."""
    return slot.shown_task.id if slot.shown_task is not None else ""


def force_update(
    client: Client,
    stack: str,
    slot_id: str,
    objection: Objection,
    announce: Callable[[int], None],
) -> None:
    """Have all tasks of the slot's service replaced, without a change of settings.

    ``announce`` gets the counter of forced updates that the new tasks have, right
    before it is sent: they may be seen before its answer is there, or without it.

    Another change of the service at the same time gives it another version: it is
    inspected and judged again, five times at most. LeftAlone, ContainerGone.
    """
    for attempt in range(1, ATTEMPTS + 1):
        slot, service = read_slot(client, stack, slot_id)
        why = _find_hold(slot)
        left_alone = LeftAlone(why) if why else objection(slot)
        if left_alone is not None:
            raise left_alone
        settings, count = count_up(service.spec)
        announce(count)
        try:
            _send(client, service, settings)
        except EngineError as error:
            if _CLASH not in str(error):
                raise
        else:
            return
        time.sleep(min(_PAUSE_S * attempt, max(0.0, client.remaining_s())))
    raise LeftAlone(f"somebody changed the service {ATTEMPTS} times meanwhile")


def _find_hold(slot: Slot) -> str:
    hold = slot.service.hold
    if hold is ServiceHold.SCALED_TO_ZERO:
        return "its service is scaled to 0"
    if hold is not ServiceHold.NONE:
        return f"an update of its service has not ended (state: {hold})"
    if slot.tasks[0] is not slot.shown_task:
        return f"swarm is making a new task ({slot.tasks[0].status.state})"
    return ""


def _send(client: Client, service: Service, settings: bytes) -> None:
    url = client.url_of(f"/services/{service.id}/update")
    answer = client.post(
        url,
        params={"version": service.version.index},
        data=settings,
        headers={"Content-Type": "application/json"},
    )
    with answer:
        raise_for_status(answer, client.mask)


def count_up(spec: msgspec.Raw) -> tuple[bytes, int]:
    """The settings as they came, but for ``ForceUpdate``, which is one higher."""
    settings = msgspec.json.decode(spec, type=dict[str, msgspec.Raw])
    template = msgspec.json.decode(
        settings["TaskTemplate"], type=dict[str, msgspec.Raw]
    )
    before = template.get("ForceUpdate", msgspec.Raw(b"0"))
    count = msgspec.json.decode(before, type=int) + 1
    template["ForceUpdate"] = msgspec.Raw(str(count).encode())
    settings["TaskTemplate"] = msgspec.Raw(msgspec.json.encode(template))
    return msgspec.json.encode(settings), count
