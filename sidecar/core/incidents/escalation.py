"""Changes of an open incident over time: opening, escalation, reminder, re-opening.

Times are wall clock seconds, because they must stay valid in the next process. Missed
messages are not sent later: after a downtime each message is sent once.
"""

from typing import NamedTuple

from sidecar.core.model.cause import Cause, RemedyKind, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import EscalationSettings, Routes
from sidecar.core.model.record_copy import replace

MAX_CHANGES = 3
"""Limit of messages about a changed cause: causes that alternate are one problem."""

_ORDER = (Severity.P0, Severity.P1, Severity.P2, Severity.P3)


class IncidentUrgency(NamedTuple):
    """Facts of an incident's root that decide how urgent the incident is.

    ``down_since_wall``: None while the root works and only others still suffer.
    ``hopeless``: it is in dead letter, or held by the restart limit of the stack.
    ``cause``: why it does not work now, ``severity`` how urgent that is; None: it is
    not certain.
    """

    down_since_wall: float | None
    hopeless: bool
    cause: Cause | None = None
    severity: Severity | None = None


def is_at_least(severity: Severity, least: Severity) -> bool:
    """Is ``severity`` as urgent as ``least``, or more?"""
    return _ORDER.index(severity) <= _ORDER.index(least)


def next_escalation(
    incident: Incident, root: IncidentUrgency, settings: EscalationSettings, at: Moment
) -> tuple[Incident, MessageKind | None]:
    """Return the open incident as of ``at``, and the kind of message that is due now.

    Each call returns one message at most; the next call returns the next one. Do not
    call it while the root is paused or in maintenance: then nobody is notified, and
    the first call afterwards returns the message.
    """
    if incident.told_wall is None:
        return _note_notified(incident, at), MessageKind.OPENED
    if _is_more_urgent(incident, root, settings, at.wall):
        return raise_to_p0(incident, at), MessageKind.RAISED
    if _has_severity_risen(incident):
        return _note_notified(replace(incident, level=0), at), MessageKind.RAISED
    if root.cause is not None and _is_another_cause(incident, root.cause):
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
    """Make the incident a P0 of which people are notified; restart its escalation."""
    return _note_notified(replace(incident, severity=Severity.P0, level=0), at)


def acknowledge(incident: Incident, at: Moment, by: str) -> Incident:
    """Note who handles the incident: escalation and reminders stop for a while."""
    if not incident.open:
        return incident
    return replace(incident, acked_at=at, acked_by=by)


def channels_at_level(incident: Incident, routes: Routes) -> tuple[str, ...]:
    """Channels that receive the message about the incident's last escalation.

    They are the channels of the next higher severity that were not notified yet, above
    P0 all channels; where no such channel is left, all that were notified before.
    """
    top_index = _ORDER.index(incident.severity) - incident.level
    for index in range(top_index, -1, -1):
        new_channels = _uninformed_channels(incident, routes.of(_ORDER[index]))
        if new_channels:
            return new_channels
    return _uninformed_channels(incident, routes.channels) or _informed_channels(
        incident, routes
    )


def reached_channels(incident: Incident, routes: Routes) -> tuple[str, ...]:
    """Channels that an open incident has reached, by these routes.

    They are the channels of its severity and of each level that it was escalated to.
    """
    own_index = _ORDER.index(incident.severity)
    if incident.level > own_index:
        return routes.channels
    levels = (
        routes.of(_ORDER[own_index - level]) for level in range(incident.level + 1)
    )
    return tuple(dict.fromkeys(name for names in levels for name in names))


def _uninformed_channels(
    incident: Incident, channels: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(name for name in channels if name not in incident.told)


def _informed_channels(incident: Incident, routes: Routes) -> tuple[str, ...]:
    return tuple(name for name in incident.told if name in routes.channels)


def _note_notified(incident: Incident, at: Moment) -> Incident:
    return replace(incident, told_wall=at.wall, waiting_wall=at.wall)


def next_message_wall(
    incident: Incident, root: IncidentUrgency, settings: EscalationSettings, at: Moment
) -> float | None:
    """Latest time of the next message to people who know of the incident; None: none.

    An escalation goes to other people first, and delays the next reminder.
    """
    walls = [_next_reminder_wall(incident, settings)]
    acked_at, since_wall = incident.acked_at, root.down_since_wall
    if acked_at is not None:
        walls = [acked_at.wall + settings.ack_lasts_s]
    if since_wall is not None and incident.severity is Severity.P1:
        walls.append(since_wall + settings.urgent_after_s)
    future_walls = [wall for wall in walls if wall is not None and wall > at.wall]
    return min(future_walls, default=None) if incident.open else None


def _next_reminder_wall(
    incident: Incident, settings: EscalationSettings
) -> float | None:
    told_wall, waiting_wall = incident.told_wall, incident.waiting_wall
    after_s = settings.after_s.get(incident.severity)
    if told_wall is None:
        return None
    reminder_wall = told_wall + settings.repeat_s
    levels_left = _ORDER.index(incident.severity) + 1 - incident.level
    if after_s is None or waiting_wall is None:
        return reminder_wall
    for number in range(1, levels_left + 1):
        escalation_wall = waiting_wall + number * after_s
        if escalation_wall > reminder_wall:
            break
        reminder_wall = escalation_wall + settings.repeat_s
    return reminder_wall


def _has_severity_risen(incident: Incident) -> bool:
    """Is the incident more urgent now than people were told?"""
    told_severity = incident.told_severity
    return told_severity is not None and _ORDER.index(incident.severity) < _ORDER.index(
        told_severity
    )


def _is_another_cause(incident: Incident, cause: Cause) -> bool:
    """Does the present cause need another action than the cause that people know?"""
    told_cause = incident.told_cause or incident.cause
    return incident.changes < MAX_CHANGES and not _have_same_remedy_and_advice(
        told_cause, cause
    )


def _have_same_remedy_and_advice(cause: Cause, other: Cause) -> bool:
    """Do both causes have the same remedy and advice? A start counts as a restart."""
    rules = CAUSES[cause], CAUSES[other]
    is_restart = {
        rule.remedy in {RemedyKind.START, RemedyKind.RESTART} for rule in rules
    }
    remedies = {rule.remedy for rule in rules}
    same_remedy = len(remedies) == 1 or is_restart == {True}
    return same_remedy and rules[0].advice == rules[1].advice


def _note_change(incident: Incident, root: IncidentUrgency, at: Moment) -> Incident:
    severity = min(incident.severity, root.severity or incident.severity)
    is_raised = severity != incident.severity
    changed = replace(
        incident,
        severity=severity,
        level=0 if is_raised else incident.level,
        changes=incident.changes + 1,
    )
    return (
        _note_notified(changed, at)
        if is_raised
        else replace(changed, told_wall=at.wall)
    )


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
    down_since_wall = root.down_since_wall
    if down_since_wall is None or incident.severity is not Severity.P1:
        return False
    return now_wall - down_since_wall >= settings.urgent_after_s


def _is_unanswered(
    incident: Incident, settings: EscalationSettings, now_wall: float
) -> bool:
    """Did nobody answer, with a level left? P0 has one level, P1 two, P2 three."""
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
    reopened = replace(incident, acked_at=None, acked_by="", level=0)
    return _note_notified(reopened, at), MessageKind.REOPENED
