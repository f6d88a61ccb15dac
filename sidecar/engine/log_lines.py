"""Lines with their times, from the bytes of a container's log. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from sidecar.core.model.log_mark import LogLine

LINE_BYTES = 16 * 1024
"""A line is cut after so many bytes: so long is one message of the engine."""
_STAMP_BYTES = 40
_LIMIT = LINE_BYTES + _STAMP_BYTES
_WHOLE_SECONDS = len("2026-01-02T03:04:05")
_NANO_DIGITS = 9


def read_lines(pieces: Iterable[bytes]) -> Iterator[LogLine]:
    """The lines of a log with time stamps.

    A line without a stamp has the time of the line before it; without such a line it is
    left out.
    """
    at_nano: int | None = None
    for raw, size_bytes in _split(pieces):
        stamp, _, text = raw.partition(b" ")
        stamp_nano = read_stamp(stamp)
        if stamp_nano is None:
            text = raw
        else:
            at_nano = stamp_nano
        if at_nano is not None:
            yield LogLine(at_nano, text.removesuffix(b"\r")[:LINE_BYTES], size_bytes)


def _split(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Each line with its size; a line without an end is cut, not kept."""
    rest, dropped = b"", 0
    for piece in pieces:
        *ended, last = piece.split(b"\n")
        for part in ended:
            line = rest + part
            yield line, len(line) + dropped + 1
            rest, dropped = b"", 0
        rest += last
        if len(rest) > _LIMIT:
            dropped += len(rest) - _LIMIT
            rest = rest[:_LIMIT]
    if rest:
        yield rest, len(rest) + dropped


def read_stamp(stamp: bytes) -> int | None:
    """An RFC 3339 time in nanoseconds since 1970; None: it is none."""
    try:
        text = stamp.decode("ascii")
        whole, rest = text[:_WHOLE_SECONDS], text[_WHOLE_SECONDS:]
        zone = rest.lstrip(".0123456789")
        fraction = rest.removesuffix(zone).removeprefix(".")
        nanoseconds = int(fraction[:_NANO_DIGITS].ljust(_NANO_DIGITS, "0"))
        return _whole_seconds(whole, zone) * 10**9 + nanoseconds
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _whole_seconds(whole: str, zone: str) -> int:
    moment = datetime.fromisoformat(whole + zone)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return int(moment.timestamp())
