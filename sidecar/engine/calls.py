"""What is said to the engine, through a client, in the thread of the call."""

import math
from collections.abc import Iterator

import requests

from sidecar.core.container import Container, Process
from sidecar.core.ports import (
    ContainerGone,
    EngineTimeout,
)
from sidecar.engine import translate
from sidecar.engine.client import Client
from sidecar.engine.errors import TRANSLATED, engine_error, raise_for_status

LOG_BYTES = 64 * 1024
_CHUNK = 16 * 1024
_PS = "-eo pid,ppid,stat,args"


def containers(client: Client, stack: str) -> tuple[Container, ...]:
    """All containers of a stack; the list alone says too little about each."""
    of_stack = {"label": [f"{translate.STACK_LABEL}={stack}"]}
    ids = translate.listed_ids(client.containers(all=True, filters=of_stack))
    seen = (_still_there(client, container_id) for container_id in ids)
    return tuple(one for one in seen if one is not None and one.stack == stack)


def _still_there(client: Client, container_id: str) -> Container | None:
    try:
        return inspect(client, container_id)
    except TRANSLATED as error:
        if isinstance(engine_error(error), ContainerGone):
            return None
        raise


def inspect(client: Client, container_id: str) -> Container:
    """One container, of whatever stack."""
    return translate.container(client.inspect_container(container_id))


def identify(client: Client, container_id: str) -> translate.Known:
    """Which stack it belongs to."""
    return translate.known(client.inspect_container(container_id))


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
