"""Which channels and hooks hear of an incident, and the messages to them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from sidecar.core.incidents.escalation import (
    at_least,
    channels_at_level,
)
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import HOOK_PREFIX, NotifySettings


def messages_about(
    incident: Incident,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Incident, tuple[Message, ...]]:
    """The messages that tell of ``incident``, which remembers whom they are for."""
    hearing = (
        *_channels_for(incident, kind, settings),
        *hooks_for(incident, kind, settings),
    )
    return messages_to(incident, hearing, kind, facts, at)


def messages_to(
    incident: Incident,
    hearing: tuple[str, ...],
    kind: MessageKind,
    facts: Mapping[str, str],
    at: Moment,
) -> tuple[Incident, tuple[Message, ...]]:
    """The messages to these channels and hooks, whom ``incident`` remembers.

    A message's id says what it is about, so the same turn makes the same one.
    """
    if not hearing:
        return incident, ()
    number = incident.sequence + 1
    told = dict.fromkeys((*incident.told, *hearing))
    about = replace(incident, told=tuple(told), sequence=number)
    thread = _MessageGroup(incident.id, number, incident.severity)
    return about, _address(thread, hearing, kind, facts, at)


def informational_messages(
    which: str,
    severity: Severity,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """The messages that tell of something that is no incident; ``which`` is new.

    Hooks do not hear of it.
    """
    hearing = settings.routes.of(severity)
    return _address(_MessageGroup(which, 1, severity), hearing, kind, facts, at)


def all_clear_messages(
    of: Severity,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """The messages that something is over, for information, to all who heard of it.

    ``of``: how urgent it was.
    """
    hearing = settings.routes.of(of)
    return _address(
        _MessageGroup(new_id(kind, at), 1, Severity.P3), hearing, kind, facts, at
    )


class _MessageGroup(NamedTuple):
    """What messages belong together, and the place of these among them."""

    which: str
    number: int
    severity: Severity


def _address(
    thread: _MessageGroup,
    hearing: Iterable[str],
    kind: MessageKind,
    facts: Mapping[str, str],
    at: Moment,
) -> tuple[Message, ...]:
    return tuple(
        Message(
            id=f"{thread.which}-{thread.number}-{kind}-{name}",
            incident=thread.which,
            sequence=thread.number,
            channel=name,
            kind=kind,
            severity=thread.severity,
            created_wall=at.wall,
            facts=facts,
        )
        for name in hearing
    )


def _channels_for(
    incident: Incident, kind: MessageKind, settings: NotifySettings
) -> tuple[str, ...]:
    """A channel that has left the settings is not written to any more."""
    routes = settings.routes
    if kind is MessageKind.RESOLVED:
        return tuple(n for n in incident.told if n in routes.channels)
    if kind is MessageKind.ESCALATED:
        return channels_at_level(incident, routes)
    # Who was drawn in by an escalation goes on hearing of it.
    told = (n for n in incident.told if n in routes.channels)
    return tuple(dict.fromkeys((*routes.of(incident.severity), *told)))


def hooks_for(
    incident: Incident, kind: MessageKind, settings: NotifySettings
) -> tuple[str, ...]:
    """The hooks to be called now that were not called yet.

    An incident that becomes urgent later opens for the hooks of that severity.
    """
    is_end = kind is MessageKind.RESOLVED
    on = MessageKind.RESOLVED if is_end else MessageKind.OPENED
    names = []
    for number, hook in enumerate(settings.hooks):
        name = f"{HOOK_PREFIX}{number}"
        least = hook.severity
        counts = least is None or at_least(incident.severity, least)
        if hook.on is on and counts and name not in incident.told:
            names.append(name)
    return tuple(names)
