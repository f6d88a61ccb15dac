"""Waiting messages: drop the outdated ones, and refresh the facts of the others."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sidecar.core.incidents.escalation import is_at_least
from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.incident_subject import root_instance
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import HOOK_PREFIX
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State

_ANSWERABLE_KINDS = frozenset({MessageKind.ESCALATED, MessageKind.REMINDER})
_OWN_FACTS: Mapping[MessageKind, frozenset[str]] = MappingProxyType(
    {
        MessageKind.CRASH_LOOP: frozenset(
            {"target", "about", "affected", "cause", "reason", "reason_data", "log"}
        ),
        MessageKind.CHANGED: frozenset({"known_cause"}),
    }
)
"""Facts that belong to the message itself, not to the incident."""


def drop_outdated(state: State, waiting: Sequence[Message]) -> tuple[Message, ...]:
    """Select the messages of one channel that are outdated.

    Their subject has ended, and the message of its end tells all of it; or a later
    message of the same kind says the same. A hook is not called for what is not true
    any more. Where the incident is not known, no message is outdated.
    """
    newest = {_group_key(m): m.id for m in sorted(waiting, key=_sort_key)}
    return tuple(
        message
        for message in waiting
        if _is_outdated(
            state, message, is_newest=newest[_group_key(message)] == message.id
        )
    )


def _group_key(message: Message) -> tuple[str, MessageKind]:
    """Key of messages that tell the same, of which only the last one is needed."""
    repeats = message.kind is MessageKind.OWN_NETWORK_LOST
    return "" if repeats else message.incident, message.kind


def _sort_key(message: Message) -> tuple[int, float]:
    return message.sequence, message.created_wall


def refresh_message(state: State, message: Message, at: Moment) -> Message:
    """Return the message with present facts; as it was stored where none are known.

    A resolved message keeps its facts. They include ``again_since_wall`` where the
    target has failed again since.
    """
    incident = state.incidents.get(message.incident)
    if incident is None:
        return message
    if message.kind is MessageKind.RESOLVED:
        relapse = _find_relapse(state, incident)
        relapse_facts = (
            {"again_since_wall": f"{relapse.opened_at.wall:.3f}"} if relapse else {}
        )
        return replace(message, facts={**message.facts, **relapse_facts})
    if root_instance(state, incident) is None:
        return message
    own_keys = _OWN_FACTS.get(message.kind, frozenset())
    own_facts = {k: v for k, v in message.facts.items() if k in own_keys}
    facts = {**message.facts, **facts_of(state, incident, at), **own_facts}
    return replace(message, facts=facts, severity=incident.severity)


def _is_outdated(state: State, message: Message, *, is_newest: bool) -> bool:
    """Is it outdated? ``is_newest``: it is the last of its kind that waits."""
    if message.kind is MessageKind.ENGINE_LOST:
        return state.engine.reachable
    if message.kind is MessageKind.OWN_NETWORK_LOST:
        return not (state.own_network.is_reported and is_newest)
    if message.kind is MessageKind.SETTINGS_REFUSED:
        return not state.settings.faults
    incident = state.incidents.get(message.incident)
    if incident is None:
        return False
    if message.kind is MessageKind.RESOLVED:
        return _is_reverted(state, incident, message)
    return not incident.open or not is_newest or _is_answered(state, incident, message)


def _is_answered(state: State, incident: Incident, message: Message) -> bool:
    """Is it about a part of an open incident that has ended?"""
    kind = message.kind
    acked = incident.acked_at
    if kind in _ANSWERABLE_KINDS:
        return acked is not None and acked.wall >= message.created_wall
    if kind is MessageKind.ACKNOWLEDGED:
        return acked is None
    return kind is MessageKind.CRASH_LOOP and not _is_in_crash_loop(state, message)


def _is_in_crash_loop(state: State, message: Message) -> bool:
    """Is its target in a crash loop? Yes, too, where its target is not known yet."""
    name = message.facts.get("target")
    loop_flags = [i.looping for i in state.instances.values() if i.name == name]
    return not loop_flags or any(loop_flags)


def _is_reverted(state: State, incident: Incident, message: Message) -> bool:
    """Would a hook be called for a resolve after which the target has failed again?

    The end of that next failure calls the hook again.
    """
    if not message.channel.startswith(HOOK_PREFIX):
        return False
    relapse = _find_relapse(state, incident)
    return relapse is not None and is_at_least(relapse.severity, message.severity)


def _find_relapse(state: State, incident: Incident) -> Incident | None:
    """The open incident of the same target, opened after the end of this one."""
    resolved_at = incident.resolved_at
    if resolved_at is None:
        return None
    relapses = (
        other
        for other in state.incidents.values()
        if other.open
        and not other.is_fact
        and other.target == incident.target
        and other.opened_at.wall >= resolved_at.wall
    )
    return next(relapses, None)
