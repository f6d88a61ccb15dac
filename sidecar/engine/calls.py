"""What is said to the engine, through a client, in the thread of the call."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import requests

from sidecar.core.container import Container, Process
from sidecar.core.ports import (
    ContainerGone,
    EngineRefused,
    EngineTimeout,
)
from sidecar.engine import translate
from sidecar.engine.client import Client
from sidecar.engine.errors import TRANSLATED, engine_error, raise_for_status
from sidecar.engine.membership import Membership

LOG_BYTES = 64 * 1024
_LONGEST_NAME = 100
_CHUNK = 16 * 1024
_PS = "-eo pid,ppid,stat,args"


class Listing(NamedTuple):
    """A stack's containers, and by id those that only say that they are, with why."""

    ours: tuple[Container, ...]
    strangers: Mapping[str, str]


def containers(client: Client, members: Membership) -> Listing:
    """All containers of a stack; the list alone says too little about each."""
    of_stack = {"label": [f"{translate.STACK_LABEL}={members.stack}"]}
    ids = translate.listed_ids(client.containers(all=True, filters=of_stack))
    ours: list[Container] = []
    strangers: dict[str, str] = {}
    for container_id in ids:
        raw = _still_there(client, container_id)
        if raw is None:
            continue
        seen = translate.container(raw)
        objection = members.objection(client, translate.claim(raw))
        if not objection:
            ours.append(seen)
        elif seen.stack == members.stack:
            strangers[seen.id] = f"{seen.name[:_LONGEST_NAME]!r}: {objection}"
    return Listing(tuple(ours), strangers)


def _still_there(client: Client, container_id: str) -> object | None:
    try:
        raw: object = client.inspect_container(container_id)
    except TRANSLATED as error:
        if isinstance(engine_error(error), ContainerGone):
            return None
        raise
    return raw


def inspect(client: Client, container_id: str) -> Container:
    """One container, of whatever stack."""
    return translate.container(client.inspect_container(container_id), client.mask)


def inspect_own(client: Client, container_id: str, members: Membership) -> Container:
    """One container of the stack; EngineRefused: of another, or not proven."""
    return translate.container(_inspected(client, container_id, members))


def identify(client: Client, container_id: str, members: Membership) -> translate.Known:
    """What never changes of a container of the stack; EngineRefused: of another."""
    return translate.known(_inspected(client, container_id, members))


def _inspected(client: Client, container_id: str, members: Membership) -> object:
    raw: object = client.inspect_container(container_id)
    claim = translate.claim(raw)
    objection = members.objection(client, claim)
    if objection:
        raise EngineRefused(f"container {claim.id[:12]} is not touched: {objection}")
    return raw


def restart(client: Client, container_id: str, stop_timeout_s: float) -> None:
    """Stop and start; the engine knows whole seconds only."""
    client.restart(container_id, timeout=math.ceil(max(0.0, stop_timeout_s)))


def processes(client: Client, container_id: str) -> tuple[Process, ...]:
    """The ps of the engine's host, limited to the container."""
    return translate.processes(client.top(container_id, ps_args=_PS))


def stats(client: Client, container_id: str) -> dict[str, float]:
    """One reading, without the second that the engine takes to compute a rate."""
    return translate.stats(client.stats(container_id, stream=False, one_shot=True))


def log_tail(client: Client, known: translate.Known, lines: int) -> str:
    """The last lines. The SDK's own reading of them has neither deadline nor bound."""
    answer = client.get(
        client.url_of(f"/containers/{known.id}/logs"),
        params={"stdout": 1, "stderr": 1, "timestamps": 1, "tail": lines},
        stream=True,
    )
    with answer:
        raise_for_status(answer)
        body = chunks(client, answer)
        pieces = body if known.tty else translate.unframed(body)
        return translate.last_text(pieces, LOG_BYTES)


def chunks(client: Client, answer: requests.Response) -> Iterator[bytes]:
    """The body as it comes; a body that never ends is cut off at the deadline."""
    while chunk := answer.raw.read1(_CHUNK):
        yield chunk
        if client.left() <= 0.0:
            raise EngineTimeout("the answer did not end in time")
