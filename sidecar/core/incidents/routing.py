"""Recipients of messages, which are channels and hooks, and the messages to them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sidecar.core.incidents.escalation import channels_at_level, is_at_least
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import HOOK_PREFIX, NotifySettings
from sidecar.core.model.record_copy import replace


def messages_about(
    incident: Incident,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Incident, tuple[Message, ...]]:
    """Messages about ``incident``, and the incident that remembers their recipients."""
    recipients = (
        *_channels_for(incident, kind, settings),
        *hooks_for(incident, kind, settings),
    )
    return messages_to(incident, recipients, kind, facts, at)


def messages_to(
    incident: Incident,
    recipients: tuple[str, ...],
    kind: MessageKind,
    facts: Mapping[str, str],
    at: Moment,
) -> tuple[Incident, tuple[Message, ...]]:
    """Messages to these channels and hooks, and the incident that remembers them.

    A message's id is made of its subject, so that a repeated step makes the same id.
    """
    if not recipients:
        return incident, ()
    number = incident.sequence + 1
    told_names = dict.fromkeys((*incident.told, *recipients))
    updated = replace(incident, told=tuple(told_names), sequence=number)
    group = _MessageGroup(incident.id, number, incident.severity)
    return updated, _write_messages(group, recipients, kind, facts, at)


def informational_messages(
    group_id: str,
    severity: Severity,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """Messages about something that is no incident; ``group_id`` is new.

    Hooks do not receive them.
    """
    recipients = settings.routes.of(severity)
    return _write_messages(
        _MessageGroup(group_id, 1, severity), recipients, kind, facts, at
    )


def all_clear_messages(
    severity: Severity,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """Messages that something has ended, to all channels that were told of it.

    They are for information. ``severity`` is that of the problem that has ended.
    """
    recipients = settings.routes.of(severity)
    return _write_messages(
        _MessageGroup(new_id(kind, at), 1, Severity.P3), recipients, kind, facts, at
    )


class _MessageGroup(NamedTuple):
    """Group of messages that belong together, and the number of these within it."""

    id: str
    number: int
    severity: Severity


def _write_messages(
    group: _MessageGroup,
    recipients: Iterable[str],
    kind: MessageKind,
    facts: Mapping[str, str],
    at: Moment,
) -> tuple[Message, ...]:
    return tuple(
        Message(
            id=f"{group.id}-{group.number}-{kind}-{name}",
            incident=group.id,
            sequence=group.number,
            channel=name,
            kind=kind,
            severity=group.severity,
            created_wall=at.wall,
            facts=facts,
        )
        for name in recipients
    )


def _channels_for(
    incident: Incident, kind: MessageKind, settings: NotifySettings
) -> tuple[str, ...]:
    """Channels for a message; one that the settings no longer have is left out."""
    routes = settings.routes
    if kind is MessageKind.RESOLVED:
        return tuple(n for n in incident.told if n in routes.channels)
    if kind is MessageKind.ESCALATED:
        return channels_at_level(incident, routes)
    # Channels that an escalation has reached receive the later messages, too.
    told_channels = (n for n in incident.told if n in routes.channels)
    return tuple(dict.fromkeys((*routes.of(incident.severity), *told_channels)))


def hooks_for(
    incident: Incident, kind: MessageKind, settings: NotifySettings
) -> tuple[str, ...]:
    """Hooks to be called now that were not called yet.

    For an incident that is raised later, hooks of that severity are called then.
    """
    is_end = kind is MessageKind.RESOLVED
    on = MessageKind.RESOLVED if is_end else MessageKind.OPENED
    names = []
    for number, hook in enumerate(settings.hooks):
        name = f"{HOOK_PREFIX}{number}"
        least = hook.severity
        is_severe_enough = least is None or is_at_least(incident.severity, least)
        if hook.on is on and is_severe_enough and name not in incident.told:
            names.append(name)
    return tuple(names)
