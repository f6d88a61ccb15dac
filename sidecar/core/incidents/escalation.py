"""What time brings to an open incident: told, raised, escalated, reminded, re-opened.

Times are wall clock seconds: they must outlive us. Nothing is caught up: after a
downtime each thing happens once.
"""

from dataclasses import replace
from typing import NamedTuple

from sidecar.core.model.cause import Cause, RemedyKind, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import EscalationSettings, Routes

MOST_CHANGES = 3
"""So often people are told of another cause: one that alternates is one trouble."""

_ORDER = (Severity.P0, Severity.P1, Severity.P2, Severity.P3)


class IncidentUrgency(NamedTuple):
    """What of an incident's root makes it more urgent.

    ``down_since_wall``: None while the root works and only others still suffer.
    ``hopeless``: it is in dead letter, or held by the storm brake. ``cause``: why it
    does not work now, ``severity`` how urgent that is; None: it is not certain.
    """

    down_since_wall: float | None
    hopeless: bool
    cause: Cause | None = None
    severity: Severity | None = None


def at_least(severity: Severity, least: Severity) -> bool:
    """Is ``severity`` as urgent as ``least``, or more?"""
    return _ORDER.index(severity) <= _ORDER.index(least)


def next_escalation(
    incident: Incident, root: IncidentUrgency, settings: EscalationSettings, at: Moment
) -> tuple[Incident, MessageKind | None]:
    """The open incident at ``at``, and what is to be told of it now, if anything.

    One thing at a time: what else is due comes at the next call. Not to be called
    while its root is paused or in maintenance: then nobody is told, and the first
    call afterwards tells.
    """
    if incident.told_wall is None:
        return _note_notified(incident, at), MessageKind.OPENED
    if _is_more_urgent(incident, root, settings, at.wall):
        return raise_to_p0(incident, at), MessageKind.RAISED
    if _has_risen(incident):
        return _note_notified(replace(incident, level=0), at), MessageKind.RAISED
    if root.cause is not None and _is_another(incident, root.cause):
        return _note_change(incident, root, at), MessageKind.CHANGED
    return _escalate_by_time(incident, settings, at)


def _escalate_by_time(
    incident: Incident, settings: EscalationSettings, at: Moment
) -> tuple[Incident, MessageKind | None]:
    if incident.acked_at is not None:
        return _reopen(incident, incident.acked_at, settings, at)
    told_wall = incident.told_wall or at.wall
    if _is_unanswered(incident, settings, at.wall):
        escalated = replace(incident, level=incident.level + 1)
        return _note_notified(escalated, at), MessageKind.ESCALATED
    if at.wall - told_wall >= settings.repeat_s:
        return replace(incident, told_wall=at.wall), MessageKind.REMINDER
    return incident, None


def raise_to_p0(incident: Incident, at: Moment) -> Incident:
    """A P0 from now on, people being told so; escalation begins anew."""
    return _note_notified(replace(incident, severity=Severity.P0, level=0), at)


def acknowledge(incident: Incident, at: Moment, by: str) -> Incident:
    """Somebody takes care of it: no escalation and no reminder, for a while."""
    if not incident.open:
        return incident
    return replace(incident, acked_at=at, acked_by=by)


def channels_at_level(incident: Incident, routes: Routes) -> tuple[str, ...]:
    """The channels that hear of its last escalation.

    Those of the next higher severity that were not told yet, above P0 all
    channels; where nobody is left, everybody who was told before.
    """
    above = _ORDER.index(incident.severity) - incident.level
    for index in range(above, -1, -1):
        new = _before_opening(incident, routes.of(_ORDER[index]))
        if new:
            return new
    return _before_opening(incident, routes.channels) or _informed_channels(
        incident, routes
    )


def levels_reached(incident: Incident, routes: Routes) -> tuple[str, ...]:
    """The channels that an open incident has been told to, by these routes.

    Those of its severity and of each level that it was escalated to.
    """
    own = _ORDER.index(incident.severity)
    if incident.level > own:
        return routes.channels
    levels = (routes.of(_ORDER[own - level]) for level in range(incident.level + 1))
    return tuple(dict.fromkeys(name for names in levels for name in names))


def _before_opening(incident: Incident, channels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in channels if name not in incident.told)


def _informed_channels(incident: Incident, routes: Routes) -> tuple[str, ...]:
    return tuple(name for name in incident.told if name in routes.channels)


def _note_notified(incident: Incident, at: Moment) -> Incident:
    return replace(incident, told_wall=at.wall, waiting_wall=at.wall)


def next_message_wall(
    incident: Incident, root: IncidentUrgency, settings: EscalationSettings, at: Moment
) -> float | None:
    """When who has heard of it hears again, at the latest; None: nothing is to come.

    An escalation goes to others first, and puts the next reminder off.
    """
    times = [_next_reminder_wall(incident, settings)]
    acked, since = incident.acked_at, root.down_since_wall
    if acked is not None:
        times = [acked.wall + settings.ack_lasts_s]
    if since is not None and incident.severity is Severity.P1:
        times.append(since + settings.urgent_after_s)
    coming = [time for time in times if time is not None and time > at.wall]
    return min(coming, default=None) if incident.open else None


def _next_reminder_wall(
    incident: Incident, settings: EscalationSettings
) -> float | None:
    told, waiting = incident.told_wall, incident.waiting_wall
    after_s = settings.after_s.get(incident.severity)
    if told is None:
        return None
    reminder = told + settings.repeat_s
    left = _ORDER.index(incident.severity) + 1 - incident.level
    if after_s is None or waiting is None:
        return reminder
    for number in range(1, left + 1):
        escalated = waiting + number * after_s
        if escalated > reminder:
            break
        reminder = escalated + settings.repeat_s
    return reminder


def _has_risen(incident: Incident) -> bool:
    """Did what it affected make it more urgent than people know?"""
    told = incident.told_severity
    return told is not None and _ORDER.index(incident.severity) < _ORDER.index(told)


def _is_another(incident: Incident, cause: Cause) -> bool:
    """Does the present cause call for something else than what people know of?"""
    known = incident.told_cause or incident.cause
    return incident.changes < MOST_CHANGES and not _means_the_same(known, cause)


def _means_the_same(one: Cause, other: Cause) -> bool:
    """To people: who starts it again, and what they can do. A start is a restart."""
    rules = CAUSES[one], CAUSES[other]
    restarted = {
        rule.remedy in {RemedyKind.START, RemedyKind.RESTART} for rule in rules
    }
    cures = {rule.remedy for rule in rules}
    same_cure = len(cures) == 1 or restarted == {True}
    return same_cure and rules[0].advice == rules[1].advice


def _note_change(incident: Incident, root: IncidentUrgency, at: Moment) -> Incident:
    severity = min(incident.severity, root.severity or incident.severity)
    more = severity != incident.severity
    changed = replace(
        incident,
        severity=severity,
        level=0 if more else incident.level,
        changes=incident.changes + 1,
    )
    return _note_notified(changed, at) if more else replace(changed, told_wall=at.wall)


def _is_more_urgent(
    incident: Incident,
    root: IncidentUrgency,
    settings: EscalationSettings,
    now_wall: float,
) -> bool:
    if incident.severity is Severity.P0:
        return False
    if root.hopeless:
        return True
    since = root.down_since_wall
    if since is None or incident.severity is not Severity.P1:
        return False
    return now_wall - since >= settings.urgent_after_s


def _is_unanswered(
    incident: Incident, settings: EscalationSettings, now_wall: float
) -> bool:
    """Has nobody answered, and is there a level left? P0 has one, P1 two, P2 three."""
    after_s = settings.after_s.get(incident.severity)
    if after_s is None or incident.waiting_wall is None:
        return False
    levels = _ORDER.index(incident.severity) + 1
    return incident.level < levels and now_wall - incident.waiting_wall >= after_s


def _reopen(
    incident: Incident, acked_at: Moment, settings: EscalationSettings, at: Moment
) -> tuple[Incident, MessageKind | None]:
    if at.wall - acked_at.wall < settings.ack_lasts_s:
        return incident, None
    forgotten = replace(incident, acked_at=None, acked_by="", level=0)
    return _note_notified(forgotten, at), MessageKind.REOPENED
