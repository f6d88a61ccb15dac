"""Output of results: a table on a terminal, plain columns in a pipe, or JSON."""

import json
import os
import re
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {
    "healthy": "green",
    "success": "green",
    "passed": "green",
    "missed": "bold red",
    "failed": "bold red",
    "degraded": "yellow",
    "failing": "yellow",
    "starting": "cyan",
    "draining": "cyan",
    "recovering": "cyan",
    "unknown": "dim",
    "stopped": "dim",
    "down": "bold red",
    "failure": "bold red",
    "crash_loop": "bold red",
    "dead_letter": "bold red",
    "missing": "bold red",
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_zone: ContextVar[ZoneInfo | None] = ContextVar("zone", default=None)
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def on_terminal() -> bool:
    """Is standard output a terminal?"""
    return sys.stdout is not None and sys.stdout.isatty()


def can_redraw() -> bool:
    """Is standard output a terminal that can move its cursor?"""
    return on_terminal() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


def show_json(value: object) -> None:
    """Print one JSON document, indented."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def show_done(answer: object, text: str, as_json: bool) -> int:
    """Print the result of an order: one line, or the API's answer; returns 0."""
    if as_json:
        show_json(answer)
    else:
        print(text)
    return 0


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a header line."""
    if on_terminal():
        from rich.console import Console  # noqa: PLC0415 - slow, and only needed here

        Console().print(rich_table(columns, rows))
        return
    for line in align_columns([[c.upper() for c in columns], *rows]):
        print(line)


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """A table for a terminal, in colours."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return table


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded to their widest cell, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def format_age(instant: str, now: datetime | None = None) -> str:
    """The age of an RFC 3339 time in its largest unit: ``42s``, ``3m`` or ``2d``."""
    present = now or datetime.now(UTC)
    seconds = max(0, int((present - datetime.fromisoformat(instant)).total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def format_duration(seconds: float | None) -> str:
    """A duration in its two largest units, such as ``2m 5s``; ``-`` for None."""
    if seconds is None:
        return "-"
    remaining_s = round(seconds)
    parts: list[str] = []
    for size, unit in (*_UNITS, (1, "s")):
        count, remaining_s = divmod(remaining_s, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def set_time_zone(zone: str) -> None:
    """Set the zone in which ``format_time`` shows times; UTC if the zone is unknown."""
    try:
        _zone.set(ZoneInfo(zone))
    except (OSError, ValueError, LookupError):
        _zone.set(None)


def format_time(instant: str) -> str:
    """An RFC 3339 time without its fraction, in the zone that was set."""
    zone = _zone.get()
    if zone is None or zone.key == "UTC":
        return f"{instant.partition('.')[0]}Z" if "." in instant else instant
    at = datetime.fromisoformat(instant).astimezone(zone)
    return at.isoformat(timespec="seconds")


def localize_times(sentence: str) -> str:
    """The sentence with each UTC time in it converted to the zone that was set."""
    return _INSTANT.sub(lambda match: format_time(match.group()), sentence)
