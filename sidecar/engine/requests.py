"""Requests to the engine, through a client, in the thread of the call."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import quote

import msgspec
import requests

from sidecar.core.model.container import Container, Process
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
)
from sidecar.engine import answers, containers
from sidecar.engine.client import Client
from sidecar.engine.containers import ContainerOwner
from sidecar.engine.errors import NotFound, error_of_answer, raise_for_status
from sidecar.engine.membership import Membership
from sidecar.engine.podman import PS_COLUMNS

JSON = {"Content-Type": "application/json"}
LOG_BYTES = 64 * 1024
ANSWER_BYTES = 4 * 1024 * 1024
LIST_BYTES = 64 * 1024 * 1024
"""Some 40,000 containers."""
NO_FILTERS: Mapping[str, list[str]] = MappingProxyType({})
NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})
ALL: Mapping[str, str] = MappingProxyType({"all": "1"})
"""Containers that do not run, too."""
_CHUNK = 16 * 1024
_NO_CONTAINER = "0" * 64
_PS = "-eo pid,ppid,stat,args"


def inspect(client: Client, container_id: str) -> Container:
    """One container, of any stack."""
    return containers.read_container(
        inspect_with_owner(client, container_id), client.mask
    )


def inspect_own(client: Client, container_id: str, members: Membership) -> Container:
    """One container of the stack; EngineRefused: of another, or not proven."""
    raw = inspect_own_with_owner(client, container_id, members)
    return containers.read_container(raw, client.mask)


def identify(client: Client, container_id: str, members: Membership) -> ContainerOwner:
    """The owner of a container of the stack; EngineRefused: of another stack."""
    return containers.read_owner(inspect_own_with_owner(client, container_id, members))


def inspect_own_with_owner(
    client: Client, container_id: str, members: Membership
) -> object:
    """The engine's JSON about a container of the stack; EngineRefused: of another."""
    raw = inspect_with_owner(client, container_id)
    claim = containers.read_claim(raw)
    objection = members.objection(client, claim)
    if objection:
        raise EngineRefused(f"container {claim.id[:12]} is not touched: {objection}")
    return raw


def inspect_with_owner(client: Client, container_id: str) -> object:
    """The engine's JSON about a container, as Docker would write it.

    The SDK's own method to read a slow answer has no deadline.
    """
    raw = _read_json(client, f"/containers/{quote(container_id, safe='')}/json")
    if client.podman is None:
        return raw
    from sidecar.engine import podman_answers  # noqa: PLC0415 - of Podman only

    own = None
    if client.podman.tells_stops and podman_answers.needs_own_inspect(raw):
        try:
            full_id = containers.read_id(raw)
            own = _read_json(client, f"/libpod/containers/{full_id}/json")
        except EngineForbidden as error:
            client.say_once(f"whose stop it was is not known: {error}")
        except EngineRefused:
            pass
    return podman_answers.translate_container(raw, own)


def list_stack(client: Client, label: str) -> bytearray:
    """The engine's list of all containers with this label, running or not."""
    return read_body(
        client, "/containers/json", {"label": [label]}, ALL, most_bytes=LIST_BYTES
    )


def changes(client: Client, container_id: str) -> object:
    """The engine's JSON about files of the container that differ from its image."""
    return _read_json(client, f"/containers/{quote(container_id, safe='')}/changes")


def _read_json(client: Client, path: str) -> object:
    return msgspec.json.decode(read_body(client, path))


def read_body(
    client: Client,
    path: str,
    filters: Mapping[str, list[str]] = NO_FILTERS,
    params: Mapping[str, str] = NO_PARAMETERS,
    *,
    most_bytes: int = ANSWER_BYTES,
) -> bytearray:
    """The engine's whole answer. EngineError: it is an error, or too long."""
    url, query = client.url_of(path), dict(params)
    if filters:
        query["filters"] = msgspec.json.encode(filters).decode()
    identity = {"Accept-Encoding": "identity"}
    with client.get(url, params=query, stream=True, headers=identity) as answer:
        body = _whole(chunks(client, answer), most_bytes)
    if not answer.ok:
        text = body.decode(errors="replace")
        raise error_of_answer(answer, text, client.mask)
    return body


def _whole(pieces: Iterator[bytes], most_bytes: int) -> bytearray:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > most_bytes:
            raise EngineRefused(f"an answer of more than {most_bytes} bytes")
    return body


def restart(client: Client, container_id: str, stop_timeout_s: float) -> None:
    """Stop and start; the engine knows whole seconds only."""
    client.restart(container_id, timeout=math.ceil(max(0.0, stop_timeout_s)))


def stop(client: Client, container_id: str, stop_timeout_s: float) -> None:
    """Stop; the engine knows whole seconds only."""
    client.stop(container_id, timeout=math.ceil(max(0.0, stop_timeout_s)))


def send_signal(client: Client, container_id: str, signal: str) -> None:
    """Send a signal to the main process. EngineRefused for Podman."""
    if client.podman is not None:
        raise EngineRefused("Podman would take the signal for an operator's stop")
    client.kill(container_id, signal)


def rename(client: Client, container_id: str, name: str) -> None:
    """Give a container another name."""
    client.rename(container_id, name)


def connect(client: Client, container_id: str, network: str, settings: bytes) -> None:
    """Put a container into a network; ``settings`` are the endpoint's, as JSON."""
    body = {"Container": container_id, "EndpointConfig": msgspec.Raw(settings)}
    _post_network(client, network, "connect", body)


def disconnect(client: Client, container_id: str, network: str) -> None:
    """Take a container out of a network."""
    body = {"Container": container_id, "Force": False}
    _post_network(client, network, "disconnect", body)


def check_network(client: Client, network: str) -> None:
    """Raise NotFound if there is no such network."""
    read_body(client, f"/networks/{quote(network, safe='')}")


def _post_network(
    client: Client, network: str, act: str, body: Mapping[str, object]
) -> None:
    answer = client.post(
        client.url_of(f"/networks/{quote(network, safe='')}/{act}"),
        data=msgspec.json.encode(body),
        headers=JSON,
    )
    raise_for_status(answer, client.mask)


def remove(client: Client, container_id: str) -> None:
    """Remove a container that does not run; its volumes stay."""
    client.remove_container(container_id, v=False, force=False)


def check_removal(client: Client) -> None:
    """Ask to remove a container that cannot exist: a filter forbids it all the same."""
    with contextlib.suppress(ContainerGone, NotFound):
        client.remove_container(_NO_CONTAINER, v=False, force=False)


def processes(client: Client, container_id: str) -> tuple[Process, ...]:
    """The ps of the engine's host, limited to the container."""
    if client.podman is None:
        return answers.read_processes(client.top(container_id, ps_args=_PS))
    from sidecar.engine import podman_answers  # noqa: PLC0415 - of Podman only

    top = client.top(container_id, ps_args=PS_COLUMNS)
    raw = inspect_with_owner(client, container_id)
    return podman_answers.renumber_processes(answers.read_processes(top), raw)


def stats(client: Client, container_id: str) -> dict[str, float]:
    """One reading, without the second that the engine takes to compute a rate."""
    return answers.read_stats(client.stats(container_id, stream=False, one_shot=True))


def log_tail(client: Client, owner: ContainerOwner, lines: int, since: str = "") -> str:
    """The last lines since then; ``since`` empty: since the beginning.

    The SDK's own method has neither deadline nor size limit.
    """
    params: dict[str, str | int]
    params = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": lines}
    answer = client.get(
        client.url_of(f"/containers/{owner.id}/logs"),
        params={**params, "since": since} if since else params,
        stream=True,
    )
    with answer:
        raise_for_status(answer, client.mask)
        body = chunks(client, answer)
        pieces = body if owner.tty else answers.remove_frames(body)
        return answers.last_text(pieces, LOG_BYTES)


def chunks(client: Client, answer: requests.Response) -> Iterator[bytes]:
    """The body in chunks; an endless body is cut off at the deadline."""
    while chunk := answer.raw.read1(_CHUNK):
        yield chunk
        if client.remaining_s() <= 0.0:
            raise EngineTimeout("the answer did not end in time")
