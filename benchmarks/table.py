"""Measurements as rows of one Markdown table, with their required limits."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

HEADER = (
    "| | Sidecar | beside it | ratio | owed | |",
    "|---|---|---|---|---|---|",
)


class Row(NamedTuple):
    """One measurement. ``is_met``: None without a required limit."""

    what: str
    sidecar: str
    beside: str = ""
    ratio: str = ""
    owed: str = ""
    is_met: bool | None = None


def markdown(rows: Iterable[Row]) -> str:
    """The table."""
    return "\n".join((*HEADER, *map(line, rows)))


def line(row: Row) -> str:
    """One row of the table."""
    verdict = {None: "", True: "met", False: "**missed**"}[row.is_met]
    cells = (row.what, row.sidecar, row.beside, row.ratio, row.owed, verdict)
    return f"| {' | '.join(cells)} |"


def at_most(
    what: str, sidecar: str, value: float, limit: float, *, unit: str = ""
) -> Row:
    """A row that is met while ``value`` is within ``limit``."""
    return Row(what, sidecar, owed=f"≤ {limit:g}{unit}", is_met=value <= limit)


def fraction(value: float, of: float) -> str:
    """A readable ratio: 1/23 if it is small, else 0.42 or 1.7."""
    if of <= 0.0 or value <= 0.0:
        return "?"
    if value <= of / 10:
        return f"1/{of / value:.0f}"
    return f"{value / of:.2f}"


def spread(values: list[float], unit: str = "s") -> str:
    """The median and, of several values, the range."""
    if not values:
        return "none"
    middle = f"{_figure(median(values))} {unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({_figure(min(values))} to {_figure(max(values))})"


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
