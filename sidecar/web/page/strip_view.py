"""Ninety days of one target's availability, as a strip."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.reporting.daily_availability import TargetDays, find_day
from sidecar.core.reporting.incident_review import involved_targets
from sidecar.web.page.texts import PageTexts

DAYS = 90
DAY_WIDTH = 4
"""Width of a day in the drawing, a gap of 1 included."""

GOOD, BRIEF, BAD, PLANNED, UNKNOWN = "g", "f", "b", "p", "n"
_BRIEF_OUTAGE = 0.99
_HEIGHTS = {GOOD: (8, 24), BRIEF: (4, 24), BAD: (0, 24), PLANNED: (16, 24)}
_FLAT = (21, 24)
"""Top and bottom of each kind of day: an outage stands out without its colour."""

IncidentsByDay = Mapping[int, tuple[str, ...]]


class Bar(NamedTuple):
    """All days of one kind: an SVG path whose dashes are the days."""

    kind: str
    path: str
    width: int


class Strip(NamedTuple):
    """``codes``: a letter for each day, the oldest first. ``days``: by the number of
    the day, its availability as text and its incidents, where it has either.
    """

    codes: str
    bars: tuple[Bar, ...]
    total: str
    label: str
    days: dict[str, list[object]]


def build_strip(
    target: TargetDays | None, incidents: IncidentsByDay, texts: PageTexts
) -> Strip:
    """The strip; None: nothing is on record of this target."""
    columns = TargetDays(DAYS) if target is None else target
    codes = "".join(_code(columns, nth) for nth in range(DAYS))
    details: dict[str, list[object]] = {}
    for nth, code in enumerate(codes):
        ids = incidents.get(nth, ())
        if code in {BRIEF, BAD} or ids:
            share = texts.share(columns.availability(nth))
            details[str(nth)] = [share, list(ids)]
    total = texts.share(columns.total_availability)
    return Strip(
        codes, tuple(_bars(codes)), total, _label(codes, total, texts), details
    )


def incidents_by_day(
    incidents: Sequence[Incident], bounds: Sequence[float], now_wall: float
) -> dict[str, dict[int, tuple[str, ...]]]:
    """The ids of each target's incidents, by the days on which they were open."""
    ids_by_day: dict[str, dict[int, tuple[str, ...]]] = {}
    for incident in incidents:
        resolved = incident.resolved_at
        ended_wall = now_wall if resolved is None else resolved.wall
        first = find_day(bounds, max(incident.since_wall, bounds[0]))
        last = find_day(bounds, ended_wall)
        if first is None or last is None:
            continue
        for name in involved_targets(incident):
            days = ids_by_day.setdefault(name, {})
            for nth in range(first, last + 1):
                days[nth] = (*days.get(nth, ()), incident.id)
    return ids_by_day


def _code(days: TargetDays, nth: int) -> str:
    share = days.availability(nth)
    if share is None:
        return PLANNED if days.planned_s[nth] > 0.0 else UNKNOWN
    if days.down_s[nth] <= 0.0:
        return GOOD
    return BRIEF if share >= _BRIEF_OUTAGE else BAD


def _bars(codes: str) -> Iterator[Bar]:
    paths: dict[str, str] = {}
    start = 0
    for code, days in groupby(codes):
        end = start + len(list(days))
        top, bottom = _HEIGHTS.get(code, _FLAT)
        middle = (top + bottom) / 2
        line = f"M{start * DAY_WIDTH} {middle:g}H{end * DAY_WIDTH}"
        paths[code] = paths.get(code, "") + line
        start = end
    for code, path in paths.items():
        top, bottom = _HEIGHTS.get(code, _FLAT)
        yield Bar(code, path, bottom - top)


def _label(codes: str, total: str, texts: PageTexts) -> str:
    outages = codes.count(BRIEF) + codes.count(BAD)
    if not total:
        return texts("strip.no_data", days=DAYS)
    return texts("strip.label", days=DAYS, share=total, count=outages)
