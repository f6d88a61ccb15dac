"""Containers, their owner and image, from the engine's JSON. Pure.

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
)
from sidecar.engine import api_types
from sidecar.engine.errors import one_line

STACK_LABEL = "com.docker.compose.project"
_SERVICE_LABEL = "com.docker.compose.service"
_NUMBER_LABEL = "com.docker.compose.container-number"
IDENTITY_LABELS = (STACK_LABEL, _SERVICE_LABEL, _NUMBER_LABEL)
_LONGEST_NUMBER = 6

T = TypeVar("T")

_HEALTH_OUTPUT_LENGTH = 1000

_NUMBER_DIGITS = 6
_SIGNAL_DIGITS = 2
_BEYOND_RTMIN = frozenset(map(str, range(1, 31)))
_STOP_TIMEOUT_S = 10.0


class ContainerOwner(NamedTuple):
    """What never changes for a container's full id."""

    id: str
    stack: str
    tty: bool


class OwnerClaim(NamedTuple):
    """Whose a container says it is; ``image_id`` is empty where it has no image."""

    id: str
    stack: str
    image_id: str
    labels: Mapping[str, str]


def parse(raw: object, kind: type[T]) -> T:
    """An answer as a typed value. msgspec.ValidationError."""
    return msgspec.convert(raw, kind)


def read_container(raw: object, mask: Callable[[str], str] = str) -> Container:
    """An inspect's answer as a Container; ``mask`` is for what its check said."""
    seen = parse(raw, api_types.Inspected)
    state, policy = seen.state, seen.host_config.restart_policy
    labels = seen.config.labels or {}
    health = state.health or api_types.Health()
    networks = seen.network_settings.networks or {}
    return Container(
        id=seen.id,
        name=seen.name.removeprefix("/"),
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
        restart_count=seen.restart_count,
        networks=frozenset(networks),
        labels=labels,
        error=one_line(state.error or "", mask),
        endpoints=tuple(_endpoint(name, at) for name, at in networks.items()),
        network_mode=seen.host_config.network_mode or "",
        stop_signal=_stop_signal(seen.config.stop_signal or ""),
        stop_timeout_s=_stop_timeout_s(seen.config.stop_timeout),
        check_start_s=_check_start_s(seen.config.healthcheck),
    )


def _endpoint(network: str, seen: api_types.Endpoint | None) -> Endpoint:
    if seen is None:
        return Endpoint(network)
    names = (*(seen.aliases or ()), *(seen.dns_names or ()))
    return Endpoint(
        network,
        tuple(address for address in (seen.ipv4, seen.ipv6) if address),
        frozenset(name.casefold() for name in names),
        seen.gateway or "",
    )


def _stop_signal(said: str) -> int:
    """Its number; SIGTERM where nothing is said, or nothing known."""
    if said.isascii() and said.isdigit() and len(said) <= _SIGNAL_DIGITS:
        return int(said)
    name, _, beyond = said.upper().removeprefix("SIG").partition("+")
    number = signal.Signals.__members__.get(f"SIG{name}", signal.SIGTERM)
    return int(number) + (int(beyond) if beyond in _BEYOND_RTMIN else 0)


def _stop_timeout_s(said: int | None) -> float:
    """The engine's own default where nothing is said; a negative one is endless."""
    if said is None:
        return _STOP_TIMEOUT_S
    return float(said) if said >= 0 else math.inf


def _check_start_s(said: api_types.HealthSettings | None) -> float:
    return max(0.0, said.start_period / 1e9) if said is not None else 0.0


def unreadable_container(entry: api_types.Listed, fault: str) -> Container:
    """A container of which the list alone tells."""
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
    """What the last check said; one of an earlier run, which is kept, says nothing."""
    last = checks[-1] if checks else api_types.HealthCheck()
    if last.start and epoch_seconds(last.start) < epoch_seconds(started_at):
        return ""
    return mask((last.output or "").strip())[:_HEALTH_OUTPUT_LENGTH]


def epoch_seconds(stamp: str) -> float:
    """RFC 3339, with nanoseconds or without; 0.0 for the engine's "never"."""
    try:
        return max(0.0, datetime.fromisoformat(stamp).timestamp())
    except (ValueError, OverflowError) as error:
        raise msgspec.ValidationError(f"{stamp!r} is no time") from error


def read_owner(raw: object) -> ContainerOwner:
    """An inspect's answer, reduced to what never changes."""
    seen = parse(raw, api_types.Inspected)
    return ContainerOwner(seen.id, read_claim(raw).stack, seen.config.tty)


def read_claim(raw: object) -> OwnerClaim:
    """An inspect's answer, reduced to what it says of whose it is."""
    seen = parse(raw, api_types.Inspected)
    labels = seen.config.labels or {}
    return OwnerClaim(seen.id, labels.get(STACK_LABEL, ""), seen.image, labels)


def read_image_labels(raw: object) -> dict[str, str]:
    """The labels that an image gives to its containers."""
    config = parse(raw, api_types.InspectedImage).config
    return (config.labels if config else None) or {}


def read_list(raw: object) -> tuple[api_types.Listed, ...]:
    """The entries in a list of containers; one that names none is passed over."""
    return tuple(filter(None, map(_entry, parse(raw, list[object]))))


def _entry(raw: object) -> api_types.Listed | None:
    """What can be used of it: at least the id."""
    parts = raw if isinstance(raw, dict) else {}
    for keys in (("Id", "Names", "Labels", "ImageID"), ("Id", "Labels"), ("Id",)):
        with contextlib.suppress(msgspec.ValidationError):
            return parse({k: parts[k] for k in keys if k in parts}, api_types.Listed)
    return None


def read_number(said: str) -> int | None:
    """A number of at most six digits; None: it is none."""
    sound = said.isascii() and said.isdigit() and len(said) <= _NUMBER_DIGITS
    return int(said) if sound else None
