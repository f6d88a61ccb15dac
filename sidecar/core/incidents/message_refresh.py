"""Messages that wait, as of now: which of them are over, and what the others say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from sidecar.core.incidents.escalation import at_least
from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.incident_subject import root_instance
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import HOOK_PREFIX
from sidecar.core.model.state import State

_ASKS_FOR_AN_ANSWER = frozenset({MessageKind.ESCALATED, MessageKind.REMINDER})
_KEPT: Mapping[MessageKind, frozenset[str]] = MappingProxyType(
    {
        MessageKind.CRASH_LOOP: frozenset(
            {"target", "about", "affected", "cause", "reason", "reason_data", "log"}
        ),
        MessageKind.CHANGED: frozenset({"known_cause"}),
    }
)
"""Facts that are the message's own, not the incident's."""


def drop_outdated(state: State, waiting: Sequence[Message]) -> tuple[Message, ...]:
    """Those of one channel that need not be told any more.

    What they tell has ended, and the message of its end tells it from beginning to
    end; or a later one of the same kind says the same. A hook is not called for what
    is not so. Where the incident is not known, nothing is over.
    """
    newest = {_group_key(m): m.id for m in sorted(waiting, key=_age)}
    return tuple(
        message
        for message in waiting
        if _is_over(state, message, is_newest=newest[_group_key(message)] == message.id)
    )


def _group_key(message: Message) -> tuple[str, MessageKind]:
    """Messages that tell the same, each later: a notice that is repeated is new."""
    repeats = message.kind is MessageKind.OWN_NETWORK_LOST
    return "" if repeats else message.incident, message.kind


def _age(message: Message) -> tuple[int, float]:
    return message.sequence, message.created_wall


def refresh_message(state: State, message: Message, at: Moment) -> Message:
    """The message with the facts of now; as it was stored where none are known.

    A resolved message keeps its facts. ``again_since_wall`` is in them where the
    target is broken again since.
    """
    incident = state.incidents.get(message.incident)
    if incident is None:
        return message
    if message.kind is MessageKind.RESOLVED:
        again = _relapse(state, incident)
        since = {"again_since_wall": f"{again.opened_at.wall:.3f}"} if again else {}
        return replace(message, facts={**message.facts, **since})
    if root_instance(state, incident) is None:
        return message
    kept = _KEPT.get(message.kind, frozenset())
    own = {k: v for k, v in message.facts.items() if k in kept}
    facts = {**message.facts, **facts_of(state, incident, at), **own}
    return replace(message, facts=facts, severity=incident.severity)


def _is_over(state: State, message: Message, *, is_newest: bool) -> bool:
    """``is_newest``: it is the last of its kind that waits."""
    if message.kind is MessageKind.ENGINE_LOST:
        return state.engine.reachable
    if message.kind is MessageKind.OWN_NETWORK_LOST:
        return not (state.own_network.told and is_newest)
    if message.kind is MessageKind.SETTINGS_REFUSED:
        return not state.settings.faults
    incident = state.incidents.get(message.incident)
    if incident is None:
        return False
    if message.kind is MessageKind.RESOLVED:
        return _is_reverted(state, incident, message)
    return not incident.open or not is_newest or _is_answered(state, incident, message)


def _is_answered(state: State, incident: Incident, message: Message) -> bool:
    """Is it about a part of an open incident that is over?"""
    kind = message.kind
    if kind in _ASKS_FOR_AN_ANSWER:
        acked = incident.acked_at
        return acked is not None and acked.wall >= message.created_wall
    return kind is MessageKind.CRASH_LOOP and not _is_in_crash_loop(state, message)


def _is_in_crash_loop(state: State, message: Message) -> bool:
    """Where nobody knows its target yet, the loop is believed."""
    name = message.facts.get("target")
    found = [i.looping for i in state.instances.values() if i.name == name]
    return not found or any(found)


def _is_reverted(state: State, incident: Incident, message: Message) -> bool:
    """Would a hook do what the same target's next failure has undone since?

    That failure's own end calls the hook again.
    """
    if not message.channel.startswith(HOOK_PREFIX):
        return False
    again = _relapse(state, incident)
    return again is not None and at_least(again.severity, message.severity)


def _relapse(state: State, incident: Incident) -> Incident | None:
    """The open incident of the same target, opened after the end of this one."""
    ended = incident.resolved_at
    if ended is None:
        return None
    later = (
        other
        for other in state.incidents.values()
        if other.open
        and not other.is_fact
        and other.target == incident.target
        and other.opened_at.wall >= ended.wall
    )
    return next(later, None)
