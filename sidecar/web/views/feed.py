"""The Atom feed: incidents, planned restarts, maintenance windows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sidecar.core.model.decision import Trigger
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import JournalEntry
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.ports.loop import PlannedTime
from sidecar.web.views.feed_entry import FeedEntry, FeedHead
from sidecar.web.views.public_words import (
    Words,
    find_last_change,
    list_updates,
    write_time,
    write_title,
)

ANNOUNCED_S = 86400.0
"""A planned restart is in the feed that long before it is due."""

_OUTCOMES = frozenset(map(str, RemedyOutcome))


class FeedFacts(NamedTuple):
    """Facts for a feed.

    ``skipped_walls``: when a skip of a planned restart was first seen, by target and
    planned time. ``remedies``: journal entries of remedies that ended. ``public_url``:
    empty where none is configured.
    """

    stack: str
    started_wall: float
    now_wall: float
    incidents: Sequence[Incident]
    planned: Sequence[PlannedTime]
    skipped_walls: dict[tuple[str, float], float]
    remedies: Sequence[JournalEntry]
    public_url: str
    zone: str
    language: str
    windows: Sequence[WindowPeriod] = ()


def write_feed(facts: FeedFacts, words: Words) -> bytes:
    """The feed as XML, the newest entry first. Reads the time zone's file."""
    zone = ZoneInfo(facts.zone)
    entries = sorted(
        (
            *_incident_entries(facts.incidents, words, zone),
            *_planned_entries(facts, words, zone),
            *_restart_entries(facts, words),
            *_window_entries(facts, words, zone),
        ),
        key=lambda entry: entry.updated_wall,
        reverse=True,
    )
    updated_wall = entries[0].updated_wall if entries else facts.started_wall
    head = FeedHead(
        feed_id=f"{_own_id(facts)}:feed",
        title=words("public.feed.title", stack=facts.stack or "Sidecar"),
        updated_wall=updated_wall,
        public_url=facts.public_url,
        language=facts.language,
    )
    from sidecar.web.views.atom import write_atom  # noqa: PLC0415 - 2 MB of memory

    return write_atom(head, entries)


def _own_id(facts: FeedFacts) -> str:
    """Begin of the ids of what other stacks can have under the same name."""
    return f"urn:sidecar:{quote(facts.stack)}"


def _incident_entries(
    incidents: Iterable[Incident], words: Words, zone: ZoneInfo
) -> Iterator[FeedEntry]:
    for incident in incidents:
        lines = [
            f"{write_time(update.at_wall, zone)}: {update.text}"
            for update in list_updates(incident, words)
        ]
        yield FeedEntry(
            f"urn:sidecar:incident:{incident.id}",
            write_title(incident, words),
            incident.opened_at.wall,
            find_last_change(incident),
            "\n".join(lines),
        )


def _planned_entries(
    facts: FeedFacts, words: Words, zone: ZoneInfo
) -> Iterator[FeedEntry]:
    """Planned restarts of the next day; they are announced ANNOUNCED_S before."""
    for planned in facts.planned:
        announced_wall = planned.at_wall - ANNOUNCED_S
        if announced_wall > facts.now_wall:
            continue
        key = "public.planned_skipped" if planned.skipped else "public.planned"
        skipped_wall = facts.skipped_walls.get((planned.target, planned.at_wall))
        updated_wall = skipped_wall if planned.skipped else None
        yield FeedEntry(
            f"{_own_id(facts)}:planned:{planned.target}:{int(planned.at_wall)}",
            words(key, target=planned.target),
            announced_wall,
            updated_wall or announced_wall,
            words(f"{key}_at", at=write_time(planned.at_wall, zone)),
        )


def _window_entries(
    facts: FeedFacts, words: Words, zone: ZoneInfo
) -> Iterator[FeedEntry]:
    """Maintenance windows that last, and those of the next day."""
    for period in facts.windows:
        announced_wall = period.begin_wall - ANNOUNCED_S
        if announced_wall > facts.now_wall:
            continue
        targets = ", ".join(period.targets)
        yield FeedEntry(
            f"{_own_id(facts)}:window:{quote(targets)}:{int(period.begin_wall)}",
            words("public.window", targets=targets or words("public.window_all")),
            announced_wall,
            announced_wall,
            words(
                "public.window_at",
                begin=write_time(period.begin_wall, zone),
                end=write_time(period.end_wall, zone),
            ),
        )


def _restart_entries(facts: FeedFacts, words: Words) -> Iterator[FeedEntry]:
    """Planned restarts that have ended."""
    for entry in facts.remedies:
        outcome = entry.data.get("outcome")
        if entry.data.get("trigger") != Trigger.PLANNED or outcome not in _OUTCOMES:
            continue
        title = words(f"public.restarted.{outcome}", target=entry.target)
        yield FeedEntry(
            f"{_own_id(facts)}:restart:{entry.target}:{int(entry.at_wall)}",
            title,
            entry.at_wall,
            entry.at_wall,
            title,
        )
