"""Words of the public answers: titles and updates of incidents, states, times.

They show what any visitor may see: names of targets, states, causes, times. They show
no names of containers or hosts, no reasons, no amounts.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sidecar.core.model.cause import Cause
from sidecar.core.model.incident import Incident
from sidecar.core.model.moment import whole_seconds

Words = Callable[..., str]
"""The text of a key in the configured language, with its placeholders filled in."""

_MINUTE_S = 60


class IncidentUpdate(NamedTuple):
    """Something that happened in an incident; ``kind`` is its key."""

    at_wall: float
    kind: str
    text: str


def known_cause(incident: Incident) -> Cause:
    """The cause of the incident as people know it."""
    return incident.told_cause or incident.cause


def write_title(incident: Incident, words: Words) -> str:
    """The title of an incident: open with its problem, or resolved."""
    cause = known_cause(incident)
    if incident.open:
        return words(
            "public.open",
            severity=incident.severity.value,
            target=incident.target,
            problem=words(f"problem.{cause}"),
        )
    return words("public.resolved", target=incident.target, was=words(f"was.{cause}"))


def list_updates(incident: Incident, words: Words) -> tuple[IncidentUpdate, ...]:
    """The updates of an incident, oldest first."""
    updates = [
        IncidentUpdate(
            incident.opened_at.wall, "opened", _write_opened(incident, words)
        )
    ]
    for deed in incident.deeds:
        text = words(
            "public.update.remedy",
            deed=words(f"deed.{deed.action}", name=deed.name),
            helped=words(f"helped.{deed.outcome}"),
        )
        updates.append(IncidentUpdate(deed.began_wall, "remedy", text))
    if incident.acked_at is not None:
        text = words("public.update.acknowledged")
        updates.append(IncidentUpdate(incident.acked_at.wall, "acknowledged", text))
    if incident.resolved_at is not None:
        ended_wall = incident.resolved_at.wall
        lasted = write_duration(whole_seconds(incident.since_wall, ended_wall), words)
        text = words("public.update.resolved", lasted=lasted)
        updates.append(IncidentUpdate(ended_wall, "resolved", text))
    return tuple(sorted(updates, key=lambda update: round(update.at_wall, 3)))


def _write_opened(incident: Incident, words: Words) -> str:
    text = words(
        "public.update.opened",
        target=incident.target,
        problem=words(f"problem.{incident.cause}"),
    )
    if not incident.affected:
        return text
    names = ", ".join(incident.affected)
    return f"{text} {words('public.update.affected', names=names)}"


def find_last_change(incident: Incident) -> float:
    """The time (wall) of the last change of the incident or message about it."""
    moments = (incident.opened_at, incident.acked_at, incident.resolved_at)
    changes = [moment.wall for moment in moments if moment is not None]
    changes.extend(deed.began_wall for deed in incident.deeds)
    if incident.told_wall is not None:
        changes.append(incident.told_wall)
    return max(changes)


def write_duration(seconds: float, words: Words) -> str:
    """A duration in words, as in messages."""
    minutes, rest = divmod(int(seconds), _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    if hours:
        return words("time.hours", hours=str(hours), minutes=str(minutes))
    if minutes:
        return words("time.minutes", minutes=str(minutes), seconds=str(rest))
    return words("time.seconds", seconds=str(rest))


def write_time(wall: float, zone: ZoneInfo) -> str:
    """A time in the zone of the messages, as ``2026-01-02 12:04:05 +09:00``."""
    at = datetime.fromtimestamp(wall, zone)
    offset = f"{at:%z}"
    return f"{at:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"
