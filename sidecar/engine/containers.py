"""Parse containers, their owner and image from the engine's JSON. Pure.

msgspec.ValidationError where an answer is not what the engine's API promises.
"""

import contextlib
import math
import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from sidecar.core.model.container import (
    Container,
    Endpoint,
    NativeHealth,
    Status,
    StopReport,
)
from sidecar.engine import api_types
from sidecar.engine.errors import one_line

STACK_LABEL = "com.docker.compose.project"
NAMESPACE_LABEL = "com.docker.stack.namespace"
"""The stack of a swarm service, of its tasks, and of their containers."""
TASK_LABEL = "com.docker.swarm.task.id"
_SERVICE_LABEL = "com.docker.compose.service"
_NUMBER_LABEL = "com.docker.compose.container-number"
IDENTITY_LABELS = (STACK_LABEL, _SERVICE_LABEL, _NUMBER_LABEL)

T = TypeVar("T")

_HEALTH_OUTPUT_LENGTH = 1000

_NUMBER_DIGITS = 6
_SIGNAL_DIGITS = 2
_BEYOND_RTMIN = frozenset(map(str, range(1, 31)))
_STOP_TIMEOUT_S = 10.0


class ContainerOwner(NamedTuple):
    """Facts that never change for a container's full id."""

    id: str
    stack: str
    tty: bool


class OwnerClaim(NamedTuple):
    """Owner that a container's labels name; ``image_id`` is empty without an image."""

    id: str
    stack: str
    image_id: str
    labels: Mapping[str, str]


def parse(raw: object, kind: type[T]) -> T:
    """An answer as a typed value. msgspec.ValidationError."""
    return msgspec.convert(raw, kind)


def read_container(raw: object, mask: Callable[[str], str] = str) -> Container:
    """An inspect's answer as a Container; ``mask`` is for its health check's output."""
    inspected = parse(raw, api_types.Inspected)
    state, policy = inspected.state, inspected.host_config.restart_policy
    labels = inspected.config.labels or {}
    health = state.health or api_types.Health()
    networks = inspected.network_settings.networks or {}
    return Container(
        id=inspected.id,
        name=inspected.name.removeprefix("/"),
        stack=labels.get(STACK_LABEL, ""),
        service=labels.get(_SERVICE_LABEL, ""),
        number=_number(labels.get(_NUMBER_LABEL, "")),
        status=parse(state.status, Status),
        started_at=epoch_seconds(state.started_at),
        finished_at=epoch_seconds(state.finished_at),
        exit_code=state.exit_code,
        oom_killed=state.oom_killed,
        health=parse(health.status or NativeHealth.NONE, NativeHealth),
        health_log=_last_output(health.log or [], state.started_at, mask),
        pid=state.pid,
        restart_policy=policy.name or "no",
        restart_limit=policy.maximum_retry_count,
        restart_count=inspected.restart_count,
        networks=frozenset(networks),
        labels=labels,
        error=one_line(state.error or "", mask),
        endpoints=tuple(_endpoint(name, at) for name, at in networks.items()),
        network_mode=inspected.host_config.network_mode or "",
        stop_signal=_stop_signal(inspected.config.stop_signal or ""),
        stop_timeout_s=_stop_timeout_s(inspected.config.stop_timeout),
        check_start_s=_check_start_s(inspected.config.healthcheck),
        image_id=inspected.image,
        memory_limit_bytes=max(0, inspected.host_config.memory),
        stop_report=parse(state.stop_report or StopReport.EVENTS, StopReport),
    )


def _endpoint(network: str, endpoint: api_types.Endpoint | None) -> Endpoint:
    if endpoint is None:
        return Endpoint(network)
    names = (*(endpoint.aliases or ()), *(endpoint.dns_names or ()))
    return Endpoint(
        network,
        tuple(address for address in (endpoint.ipv4, endpoint.ipv6) if address),
        frozenset(name.casefold() for name in names),
        endpoint.gateway or "",
    )


def _stop_signal(setting: str) -> int:
    """A signal's number; SIGTERM where it is empty or unknown."""
    if setting.isascii() and setting.isdigit() and len(setting) <= _SIGNAL_DIGITS:
        return int(setting)
    name, _, beyond = setting.upper().removeprefix("SIG").partition("+")
    number = signal.Signals.__members__.get(f"SIG{name}", signal.SIGTERM)
    return int(number) + (int(beyond) if beyond in _BEYOND_RTMIN else 0)


def _stop_timeout_s(setting: int | None) -> float:
    """Seconds; None is the engine's default, a negative value is endless."""
    if setting is None:
        return _STOP_TIMEOUT_S
    return float(setting) if setting >= 0 else math.inf


def _check_start_s(setting: api_types.HealthSettings | None) -> float:
    return max(0.0, setting.start_period / 1e9) if setting is not None else 0.0


def unreadable_container(entry: api_types.Listed, fault: str) -> Container:
    """A container that is known from the list alone."""
    labels, names = entry.labels or {}, entry.names or [entry.id[:12]]
    return Container(
        id=entry.id,
        name=names[0].removeprefix("/"),
        stack=labels.get(STACK_LABEL, ""),
        service=labels.get(_SERVICE_LABEL, ""),
        number=_number(labels.get(_NUMBER_LABEL, "")),
        status=Status.UNKNOWN,
        labels=labels,
        fault=fault,
    )


def _number(label: str) -> int:
    number = read_number(label)
    return 1 if number is None else number


def _last_output(
    checks: list[api_types.HealthCheck], started_at: str, mask: Callable[[str], str]
) -> str:
    """Output of the last check; empty for a check of an earlier run."""
    last = checks[-1] if checks else api_types.HealthCheck()
    if last.start and epoch_seconds(last.start) < epoch_seconds(started_at):
        return ""
    return mask((last.output or "").strip())[:_HEALTH_OUTPUT_LENGTH]


def epoch_seconds(stamp: str) -> float:
    """Seconds of an RFC 3339 time, with nanoseconds or without; 0.0: never."""
    try:
        return max(0.0, datetime.fromisoformat(stamp).timestamp())
    except (ValueError, OverflowError) as error:
        raise msgspec.ValidationError(f"{stamp!r} is no time") from error


def read_id(raw: object) -> str:
    """The full id in an inspect's answer."""
    return parse(raw, api_types.Inspected).id


def read_owner(raw: object) -> ContainerOwner:
    """The unchanging facts of an inspect's answer."""
    inspected = parse(raw, api_types.Inspected)
    return ContainerOwner(inspected.id, read_claim(raw).stack, inspected.config.tty)


def read_claim(raw: object) -> OwnerClaim:
    """The owner that an inspect's answer names."""
    inspected = parse(raw, api_types.Inspected)
    labels = inspected.config.labels or {}
    return OwnerClaim(
        inspected.id, labels.get(STACK_LABEL, ""), inspected.image, labels
    )


def read_image_labels(raw: object) -> dict[str, str]:
    """The labels that an image gives to its containers."""
    config = parse(raw, api_types.InspectedImage).config
    return (config.labels if config else None) or {}


def read_list(raw: object) -> tuple[api_types.Listed, ...]:
    """The entries in a list of containers; an entry without an id is skipped."""
    return tuple(filter(None, map(_entry, parse(raw, list[object]))))


def split_list(body: bytearray) -> list[msgspec.Raw]:
    """The entries in an answer to the list, unread: 10,000 of them are some 15 MB."""
    return msgspec.json.decode(body, type=list[msgspec.Raw])


def read_listed_state(raw: msgspec.Raw) -> api_types.ListedState | None:
    """The parts of an entry that show a change; None: it is not understood."""
    try:
        return msgspec.json.decode(raw, type=api_types.ListedState)
    except msgspec.ValidationError:
        return None


def read_entry(raw: msgspec.Raw) -> api_types.Listed | None:
    """The usable fields of an entry; None: there is not even an id."""
    return _entry(msgspec.json.decode(raw))


def _entry(raw: object) -> api_types.Listed | None:
    """The usable fields of an entry: at least the id."""
    parts = raw if isinstance(raw, dict) else {}
    for keys in (("Id", "Names", "Labels", "ImageID"), ("Id", "Labels"), ("Id",)):
        with contextlib.suppress(msgspec.ValidationError):
            return parse({k: parts[k] for k in keys if k in parts}, api_types.Listed)
    return None


def read_number(text: str) -> int | None:
    """A number of at most six digits; None: the text is no such number."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS
    return int(text) if is_number else None
