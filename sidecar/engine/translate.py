"""From the engine's JSON to our own words. Pure; msgspec.ValidationError where an
answer is not what the engine's API promises.
"""

import contextlib
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from sidecar.core.model.container import (
    Container,
    Endpoint,
    NativeHealth,
    Process,
    Status,
)
from sidecar.core.model.event import EngineEventKind
from sidecar.core.model.foreign_signal import NOT_SAID
from sidecar.core.ports.engine import EngineEvent
from sidecar.engine import wire
from sidecar.engine.errors import one_line

STACK_LABEL = "com.docker.compose.project"
_SERVICE_LABEL = "com.docker.compose.service"
_NUMBER_LABEL = "com.docker.compose.container-number"
IDENTITY_LABELS = (STACK_LABEL, _SERVICE_LABEL, _NUMBER_LABEL)
_LONGEST_NUMBER = 6

T = TypeVar("T")

_HEALTH_OUTPUT_LENGTH = 1000
_COMMAND_TITLES = ("COMMAND", "CMD", "ARGS")
_FRAME_HEADER = 8
_NUMBER_DIGITS = 6
_SIGNAL_DIGITS = 2
_BEYOND_RTMIN = frozenset(map(str, range(1, 31)))
_STOP_TIMEOUT_S = 10.0

_CHANGES = frozenset({"create", "rename", "update"})
WATCHED_ACTIONS = (
    *(kind.value for kind in EngineEventKind if kind is not EngineEventKind.OTHER),
    *sorted(_CHANGES),
)
"""What the engine is asked to tell of."""


class Known(NamedTuple):
    """What never changes for a container's full id."""

    id: str
    stack: str
    tty: bool


class Claim(NamedTuple):
    """Whose a container says it is; ``image_id`` is empty where it has no image."""

    id: str
    stack: str
    image_id: str
    labels: Mapping[str, str]


def _parsed(raw: object, kind: type[T]) -> T:
    return msgspec.convert(raw, kind)


def container(raw: object, mask: Callable[[str], str] = str) -> Container:
    """An inspect's answer as a Container; ``mask`` is for what its check said."""
    seen = _parsed(raw, wire.Inspected)
    state, policy = seen.state, seen.host_config.restart_policy
    labels = seen.config.labels or {}
    health = state.health or wire.Health()
    networks = seen.network_settings.networks or {}
    return Container(
        id=seen.id,
        name=seen.name.removeprefix("/"),
        stack=labels.get(STACK_LABEL, ""),
        service=labels.get(_SERVICE_LABEL, ""),
        number=_number(labels.get(_NUMBER_LABEL, "")),
        status=_parsed(state.status, Status),
        started_at=epoch_seconds(state.started_at),
        finished_at=epoch_seconds(state.finished_at),
        exit_code=state.exit_code,
        oom_killed=state.oom_killed,
        health=_parsed(health.status or NativeHealth.NONE, NativeHealth),
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


def _endpoint(network: str, seen: wire.Endpoint | None) -> Endpoint:
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


def _check_start_s(said: wire.HealthSettings | None) -> float:
    return max(0.0, said.start_period / 1e9) if said is not None else 0.0


def unreadable(entry: wire.Listed, fault: str) -> Container:
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
    number = _figure(label)
    return 1 if number is None else number


def _last_output(
    checks: list[wire.HealthCheck], started_at: str, mask: Callable[[str], str]
) -> str:
    """What the last check said; one of an earlier run, which is kept, says nothing."""
    last = checks[-1] if checks else wire.HealthCheck()
    if last.start and epoch_seconds(last.start) < epoch_seconds(started_at):
        return ""
    return mask((last.output or "").strip())[:_HEALTH_OUTPUT_LENGTH]


def epoch_seconds(stamp: str) -> float:
    """RFC 3339, with nanoseconds or without; 0.0 for the engine's "never"."""
    try:
        return max(0.0, datetime.fromisoformat(stamp).timestamp())
    except (ValueError, OverflowError) as error:
        raise msgspec.ValidationError(f"{stamp!r} is no time") from error


def known(raw: object) -> Known:
    """An inspect's answer, reduced to what never changes."""
    seen = _parsed(raw, wire.Inspected)
    return Known(seen.id, claim(raw).stack, seen.config.tty)


def claim(raw: object) -> Claim:
    """An inspect's answer, reduced to what it says of whose it is."""
    seen = _parsed(raw, wire.Inspected)
    labels = seen.config.labels or {}
    return Claim(seen.id, labels.get(STACK_LABEL, ""), seen.image, labels)


def image_labels(raw: object) -> dict[str, str]:
    """The labels that an image gives to its containers."""
    config = _parsed(raw, wire.InspectedImage).config
    return (config.labels if config else None) or {}


def listed(raw: object) -> tuple[wire.Listed, ...]:
    """The entries in a list of containers; one that names none is passed over."""
    return tuple(filter(None, map(_entry, _parsed(raw, list[object]))))


def _entry(raw: object) -> wire.Listed | None:
    """What can be used of it: at least the id."""
    parts = raw if isinstance(raw, dict) else {}
    for keys in (("Id", "Names", "Labels", "ImageID"), ("Id", "Labels"), ("Id",)):
        with contextlib.suppress(msgspec.ValidationError):
            return _parsed({k: parts[k] for k in keys if k in parts}, wire.Listed)
    return None


def processes(raw: object) -> tuple[Process, ...]:
    """The output of ``ps -o pid,ppid,stat,args``, whatever it calls its columns."""
    top = _parsed(raw, wire.Top)
    pid, ppid, stat = (_column(top.titles, name) for name in ("PID", "PPID", "STAT"))
    command = _column(top.titles, *_COMMAND_TITLES)
    try:
        return tuple(
            Process(int(row[pid]), int(row[ppid]), row[stat], row[command])
            for row in top.processes or ()
        )
    except (IndexError, ValueError) as error:
        raise msgspec.ValidationError(f"a process has odd columns: {error}") from error


def _column(titles: list[str], *names: str) -> int:
    for name in names:
        if name in titles:
            return titles.index(name)
    raise msgspec.ValidationError(f"ps has no column {names[0]} among {titles}")


def stats(raw: object) -> dict[str, float]:
    """memory_bytes (page cache that can be dropped left out, as ``docker stats``
    does), memory_limit_bytes, pids, cpu_seconds; a container not running has only
    the last.
    """
    seen = _parsed(raw, wire.Stats)
    memory = seen.memory_stats
    said: dict[str, float | None] = {
        "memory_bytes": _memory_in_use(memory),
        "memory_limit_bytes": memory.limit,
        "pids": seen.pids_stats.current,
        "cpu_seconds": seen.cpu_stats.cpu_usage.total_usage / 1e9,
    }
    return {name: float(value) for name, value in said.items() if value is not None}


def _memory_in_use(memory: wire.MemoryStats) -> int | None:
    if memory.usage is None:
        return None
    parts = memory.stats or {}
    v1 = parts.get("total_inactive_file")
    return max(0, memory.usage - (parts.get("inactive_file", 0) if v1 is None else v1))


def event(line: bytes) -> wire.Event:
    """One event of the stream; msgspec.DecodeError where it is not even JSON."""
    return msgspec.json.decode(line, type=wire.Event)


def notice(seen: wire.Event) -> EngineEvent | None:
    """What an event means to us; None: nothing."""
    kind = _kind(seen)
    if kind is None:
        return None
    said = seen.actor.attributes
    return EngineEvent(
        kind,
        seen.actor.id,
        seen.time_nano / 1e9,
        _figure(said.get("signal", "")) or NOT_SAID,
        _figure(said.get("exitCode", "")),
    )


def _figure(said: str) -> int | None:
    sound = said.isascii() and said.isdigit() and len(said) <= _NUMBER_DIGITS
    return int(said) if sound else None


def _kind(seen: wire.Event) -> EngineEventKind | None:
    action = seen.action.partition(":")[0]
    if action in _CHANGES:
        return EngineEventKind.OTHER
    return next(
        (k for k in EngineEventKind if k == action and k != EngineEventKind.OTHER), None
    )


def exec_id(raw: object) -> str:
    """The id of a command made ready."""
    return _parsed(raw, wire.ExecCreated).id


def exit_code(raw: object) -> int | None:
    """How a command ended; None: it still runs."""
    seen = _parsed(raw, wire.ExecInspected)
    return None if seen.running else seen.exit_code


def unframed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The payload of the engine's multiplexed stream: stdout and stderr as they came.

    A frame is a header of 8 bytes, the last 4 its length, and that many bytes.
    """
    header, left = b"", 0
    for chunk in chunks:
        rest = chunk
        while rest:
            if left:
                piece, rest = rest[:left], rest[left:]
                left -= len(piece)
                yield piece
                continue
            missing = _FRAME_HEADER - len(header)
            header, rest = header + rest[:missing], rest[missing:]
            if len(header) == _FRAME_HEADER:
                left, header = int.from_bytes(header[4:], "big"), b""


def last_text(pieces: Iterable[bytes], limit_bytes: int) -> str:
    """The last ``limit_bytes`` as text; where something was cut off, from the next
    line on, for half a line may hold half a secret. Of a line that has no end, a
    quarter and the word that is cut then are left out for the same reason.
    """
    kept, cut = bytearray(), False
    for piece in pieces:
        kept += piece
        if len(kept) > limit_bytes:
            del kept[:-limit_bytes]
            cut = True
    if cut:
        _, _, whole = kept.partition(b"\n")
        kept = whole or kept[limit_bytes // 4 :].partition(b" ")[2]
    return kept.decode("utf-8", errors="replace")
