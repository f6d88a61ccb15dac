"""Lines of a container's log, and the mark of how far it was judged. Frozen.

Times are the engine's clock: nanoseconds in lines, seconds in matches.
"""

from dataclasses import dataclass
from typing import NamedTuple


class LogLine(NamedTuple):
    """One line as the container wrote it, without its line end.

    A long line is cut. ``size_bytes``: its size before that.
    """

    at_nano: int
    text: bytes
    size_bytes: int


class JudgedLine(NamedTuple):
    """The identity of a line: its time, and a digest of its text."""

    at_nano: int
    digest: int


class LogPosition(NamedTuple):
    """Position of a reader in a log.

    Every line up to ``floor_nano`` was judged, and after it the lines ``recent``,
    oldest first: stdout and stderr may be written out of order by microseconds.
    """

    floor_nano: int = 0
    recent: tuple[JudgedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LogMatches:
    """Matching lines of one rule.

    ``times`` are those within its window. A match lasts from ``began`` to ``until``;
    ``quote`` is the line that completed it, masked, and ``what`` the pattern.
    """

    rule: str
    times: tuple[float, ...] = ()
    began: float = 0.0
    until: float = 0.0
    what: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class LogMark:
    """Position up to which the log of a container was judged, and its matches.

    To judge the lines after the position again gives the same matches again: so no
    line counts twice after a restart of Sidecar.
    """

    container_id: str
    position: LogPosition = LogPosition()
    matches: tuple[LogMatches, ...] = ()


class LogFacts(NamedTuple):
    """Facts that a probe of a log adds to its result.

    ``mark`` None: it is not worth storing yet. ``matched`` lines, and about
    ``skipped_bytes`` that were not judged, both since the last result.
    """

    mark: LogMark | None = None
    matched: int = 0
    skipped_bytes: int = 0


def add_log_facts(first: LogFacts | None, second: LogFacts | None) -> LogFacts | None:
    """The facts of two probes of the same log, in their order."""
    if first is None or second is None:
        return first or second
    return LogFacts(
        second.mark or first.mark,
        first.matched + second.matched,
        first.skipped_bytes + second.skipped_bytes,
    )
