"""Parse processes, figures, events and outputs from the engine's JSON. Pure.

msgspec.ValidationError where an answer is not what the engine's API promises.
"""

from collections.abc import Iterable, Iterator

import msgspec

from sidecar.core.model.container import Process
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.foreign_signal import UNKNOWN_SIGNAL
from sidecar.core.ports.engine import EngineEvent
from sidecar.engine import api_types
from sidecar.engine.containers import (
    parse,
    read_number,
)

_COMMAND_TITLES = ("COMMAND", "CMD", "ARGS")
_FRAME_HEADER = 8
_NO_LIMIT_BYTES = 2**60
"""cgroup v1 and Podman write "no limit" as a number of bytes above this."""

_CHANGES = frozenset({"create", "rename", "update"})
WATCHED_ACTIONS = (
    *(kind.value for kind in EngineEventKind if kind is not EngineEventKind.OTHER),
    *sorted(_CHANGES),
)
"""Event actions that the engine is asked for."""


def read_processes(raw: object) -> tuple[Process, ...]:
    """The output of ``ps -o pid,ppid,stat,args``, for any names of its columns."""
    top = parse(raw, api_types.Top)
    pid, ppid = (_column(top.titles, name) for name in ("PID", "PPID"))
    stat = _column(top.titles, "STAT", "STATE")
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


def read_stats(raw: object) -> dict[str, float]:
    """memory_bytes (the working set: inactive page cache left out, as ``docker stats``
    does), memory_held_bytes (all that can be dropped left out), memory_anon_bytes,
    memory_limit_bytes, pids, cpu_seconds; a container not running has only the last.
    """
    stats = parse(raw, api_types.Stats)
    memory = stats.memory_stats
    figures: dict[str, float | None] = {
        "memory_bytes": _memory_in_use(memory),
        "memory_held_bytes": _memory_held(memory),
        "memory_anon_bytes": _anonymous_memory(memory),
        "memory_limit_bytes": _memory_limit(memory),
        "pids": stats.pids_stats.current,
        "cpu_seconds": stats.cpu_stats.cpu_usage.total_usage / 1e9,
    }
    return {name: float(value) for name, value in figures.items() if value is not None}


def _memory_in_use(memory: api_types.MemoryStats) -> int | None:
    """Usage without inactive page cache; cgroup v1 has the key with ``total_``.

    A cache larger than the usage was read at another instant: it is ignored.
    """
    if memory.usage is None:
        return None
    parts = memory.stats or {}
    caches = (parts.get("total_inactive_file"), parts.get("inactive_file"))
    smaller = (c for c in caches if c is not None and c < memory.usage)
    return memory.usage - next(smaller, 0)


def _memory_held(memory: api_types.MemoryStats) -> int | None:
    """Usage without what the kernel drops before it ends a process."""
    parts = memory.stats
    if memory.usage is None or not parts:
        return None
    is_v1 = "total_rss" in parts
    keys = ("active_file", "inactive_file", "slab_reclaimable")
    droppable = sum(parts.get(f"total_{k}" if is_v1 else k, 0) for k in keys)
    return max(0, memory.usage - droppable)


def _anonymous_memory(memory: api_types.MemoryStats) -> int | None:
    parts = memory.stats or {}
    return parts.get("total_rss", parts.get("anon"))


def _memory_limit(memory: api_types.MemoryStats) -> int | None:
    """None without a limit. (Docker then reports the memory of the host.)"""
    limit = memory.limit
    return limit if limit is not None and 0 < limit < _NO_LIMIT_BYTES else None


def read_event(line: bytes) -> api_types.Event:
    """One event of the stream; msgspec.DecodeError where it is not even JSON."""
    return msgspec.json.decode(line, type=api_types.Event)


def read_engine_event(event: api_types.Event) -> EngineEvent | None:
    """An event as our own type; None: it does not concern us."""
    kind = _event_kind(event)
    if kind is None:
        return None
    attributes = event.actor.attributes
    return EngineEvent(
        kind,
        event.actor.id,
        event.time_nano / 1e9,
        read_number(attributes.get("signal", "")) or UNKNOWN_SIGNAL,
        read_number(attributes.get("exitCode", "")),
    )


def _event_kind(event: api_types.Event) -> EngineEventKind | None:
    action = event.action.partition(":")[0]
    if action in _CHANGES:
        return EngineEventKind.OTHER
    return next(
        (k for k in EngineEventKind if k == action and k != EngineEventKind.OTHER), None
    )


def read_exec_id(raw: object) -> str:
    """The id of a created command."""
    return parse(raw, api_types.ExecCreated).id


def read_exit_code(raw: object) -> int | None:
    """A command's exit code; None: it still runs."""
    command = parse(raw, api_types.ExecInspected)
    return None if command.running else command.exit_code


def remove_frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The payload of the engine's multiplexed stream: stdout and stderr in order.

    A frame is a header of 8 bytes, the last 4 its length, and that many bytes.
    """
    header, remaining = b"", 0
    for chunk in chunks:
        rest = chunk
        while rest:
            if remaining:
                piece, rest = rest[:remaining], rest[remaining:]
                remaining -= len(piece)
                yield piece
                continue
            missing = _FRAME_HEADER - len(header)
            header, rest = header + rest[:missing], rest[missing:]
            if len(header) == _FRAME_HEADER:
                remaining, header = int.from_bytes(header[4:], "big"), b""


def last_text(pieces: Iterable[bytes], limit_bytes: int) -> str:
    """The last ``limit_bytes`` as text; after a cut it begins with the next line, for
    half a line may hold half a secret. Of one endless line, a quarter and the cut
    word are left out for the same reason.
    """
    tail, cut = bytearray(), False
    for piece in pieces:
        tail += piece
        if len(tail) > limit_bytes:
            del tail[:-limit_bytes]
            cut = True
    if cut:
        _, _, whole = tail.partition(b"\n")
        tail = whole or tail[limit_bytes // 4 :].partition(b" ")[2]
    return tail.decode("utf-8", errors="replace")
