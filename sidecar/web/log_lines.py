"""Lines of a container's log, and the position of a reader in it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple

CONTEXT_LINES = 100
"""A secret may have several lines (a key in PEM), and come in two readings."""


class LogLine(NamedTuple):
    """One line; ``at`` is its time as the engine wrote it, None: not known."""

    at: str | None
    text: str


class LogPosition(NamedTuple):
    """Position of a reader: the time of its last line, and its lines of that time.

    ``context`` are the texts of its last lines, not masked.
    """

    at: str = ""
    lines_then: int = 0
    context: tuple[str, ...] = ()

    @property
    def since(self) -> str:
        """The time in seconds since 1970 with nine decimals; empty: the beginning."""
        if not self.at:
            return ""
        whole_s = int(datetime.fromisoformat(self.at).astimezone(UTC).timestamp())
        fraction = self.at.partition(".")[2].rstrip("Z")[:9]
        return f"{whole_s}.{fraction.ljust(9, '0')}"


class LogBatch(NamedTuple):
    """New lines of a log. ``is_complete``: no line before them was missed."""

    lines: tuple[LogLine, ...]
    position: LogPosition
    is_complete: bool


def read_batch(log: str, position: LogPosition, mask: Callable[[str], str]) -> LogBatch:
    """The lines of ``log`` after ``position``, masked.

    ``log`` is what the engine gives since ``position``: the reader's last line is in it
    unless lines are missing.
    """
    lines = _split_lines(log)
    lines_then = [line for line in lines if line.at == position.at]
    after = (line for line in lines if line.at > position.at)
    new = [*lines_then[position.lines_then :], *after]
    texts = [line.text for line in new]
    masked = _mask_texts(position.context, texts, mask)
    is_aligned = len(masked) == len(new)
    stamps = [line.at if is_aligned else None for line in new[: len(masked)]]
    stamps += [None] * (len(masked) - len(stamps))
    return LogBatch(
        tuple(map(LogLine, stamps, masked)),
        _move_on(position, new),
        not position.at or bool(lines_then),
    )


class _StampedLine(NamedTuple):
    at: str
    text: str


def _split_lines(log: str) -> list[_StampedLine]:
    """The lines by time; a line without a time has that of the line before it."""
    lines: list[_StampedLine] = []
    for line in log.removesuffix("\n").split("\n"):
        at, _, text = line.partition(" ")
        if _is_time(at):
            lines.append(_StampedLine(at, text))
        elif lines:
            lines.append(_StampedLine(lines[-1].at, line))
    return sorted(lines, key=lambda line: line.at)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _mask_texts(
    context: Sequence[str], texts: Sequence[str], mask: Callable[[str], str]
) -> list[str]:
    """The texts without secrets; a secret may begin in the context.

    There are fewer lines if a secret of several lines was masked.
    """
    if not texts:
        return []
    masked = mask("\n".join([*context, *texts])).split("\n")
    if len(masked) == len(context) + len(texts):
        return masked[len(context) :]
    masked_context = mask("\n".join(context)).split("\n") if context else []
    pairs = zip(masked_context, masked, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return masked[same:]


def _move_on(position: LogPosition, new: Sequence[_StampedLine]) -> LogPosition:
    if not new:
        return position
    at = new[-1].at
    then = sum(1 for line in new if line.at == at)
    before = position.lines_then if at == position.at else 0
    context = (*position.context, *(line.text for line in new))
    return LogPosition(at, before + then, context[-CONTEXT_LINES:])
