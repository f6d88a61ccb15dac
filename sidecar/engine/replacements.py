"""Requests that plan and create an equal container, in the thread of the call."""

import contextlib

import msgspec

from sidecar.core.model.container import Container
from sidecar.core.ports.engine import ContainerGone, EngineRefused, Replacement
from sidecar.engine import containers, requests
from sidecar.engine.client import Client
from sidecar.engine.containers import STACK_LABEL, parse
from sidecar.engine.errors import NotFound, raise_for_status
from sidecar.engine.membership import Membership
from sidecar.engine.replacement_obstacles import Surroundings, find_obstacles
from sidecar.engine.replacement_plan import differences, plan_container
from sidecar.engine.replacement_types import (
    Change,
    CreatedContainer,
    ImageNames,
    Neighbour,
    Original,
)

_SHOWN_DIFFERENCES = 3


def plan_replacement(
    client: Client,
    container_id: str,
    members: Membership,
    wallets: tuple[str, ...] | None,
) -> Replacement:
    """The plan of a container equal to one of the stack; only reads. EngineRefused."""
    if client.podman is not None:
        raise EngineRefused("no container of Podman is recreated: it is not tested")
    raw = requests.inspect_own_with_owner(client, container_id, members)
    neighbours = parse(client.containers(all=True), list[Neighbour])
    around = Surroundings(
        _image_names(client, parse(raw, Original).image),
        neighbours,
        list(_inspect_members(client, members, neighbours)),
        parse(requests.changes(client, container_id) or [], list[Change]),
        wallets,
    )
    return plan_container(raw, tuple(find_obstacles(raw, around)))


def _image_names(client: Client, image_id: str) -> ImageNames | None:
    """The names of an image; None: it is gone."""
    try:
        image: object = client.inspect_image(image_id)  # type: ignore[no-untyped-call]
    except NotFound:
        return None
    return parse(image, ImageNames)


def _inspect_members(
    client: Client, members: Membership, neighbours: list[Neighbour]
) -> list[object]:
    inspects = []
    for one in neighbours:
        if (one.labels or {}).get(STACK_LABEL) != members.stack:
            continue
        with contextlib.suppress(ContainerGone):
            inspects.append(requests.inspect_with_owner(client, one.id))
    return inspects


def create_replacement(client: Client, plan: Replacement) -> Container:
    """Create the planned container, join its networks, and compare it.

    EngineRefused: it differs from its original.
    """
    answer = client.post(
        client.url_of("/containers/create"),
        params={"name": plan.name},
        data=plan.body,
        headers=requests.JSON,
    )
    raise_for_status(answer, client.mask)
    created = parse(answer.json(), CreatedContainer)
    for network, settings in plan.networks:
        requests.connect(client, created.id, network, settings)
    raw = requests.inspect_with_owner(client, created.id)
    different = list(differences(msgspec.json.decode(plan.original), raw))
    if different:
        names = ", ".join(different[:_SHOWN_DIFFERENCES])
        raise EngineRefused(f"the engine made a container that differs in {names}")
    return containers.read_container(raw, client.mask)
