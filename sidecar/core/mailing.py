"""Which channels and hooks hear of what, and the facts that they are told."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from sidecar.core.escalation import at_least, rung
from sidecar.core.incident import Incident
from sidecar.core.moment import Moment
from sidecar.core.notify import HOOK_PREFIX, NotifySettings
from sidecar.core.outcome import Severity, Verdict
from sidecar.core.record import Message, MessageKind
from sidecar.core.run import needs_no_start
from sidecar.core.state import Instance, State
from sidecar.core.transition import BalanceCompared, TargetState

_NOT_PROBED = frozenset({TargetState.STOPPED, TargetState.MISSING})


def messages(
    incident: Incident,
    kind: MessageKind,
    facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Incident, tuple[Message, ...]]:
    """The messages that tell of ``incident``, which remembers whom they are for."""
    hearing = (
        *_channels(incident, kind, settings),
        *hooks_of(incident, kind, settings),
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
    thread = _Thread(incident.id, number, incident.severity)
    return about, _addressed(thread, hearing, kind, facts, at)


def notice(
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
    return _addressed(_Thread(which, 1, severity), hearing, kind, facts, at)


class _Thread(NamedTuple):
    """What messages belong together, and the place of these among them."""

    which: str
    number: int
    severity: Severity


def _addressed(
    thread: _Thread,
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


def _channels(
    incident: Incident, kind: MessageKind, settings: NotifySettings
) -> tuple[str, ...]:
    """A channel that has left the settings is not written to any more."""
    routes = settings.routes
    if kind is MessageKind.RESOLVED:
        return tuple(n for n in incident.told if n in routes.channels)
    if kind is MessageKind.ESCALATED:
        return rung(incident, routes)
    # Who was drawn in by an escalation goes on hearing of it.
    told = (n for n in incident.told if n in routes.channels)
    return tuple(dict.fromkeys((*routes.of(incident.severity), *told)))


def hooks_of(
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


def facts_of(state: State, incident: Incident, at: Moment) -> dict[str, str]:
    """What is known of an incident now, as text; ``reason`` is as it was measured.

    Wall clock times are seconds, ``seconds`` is how long it has lasted.
    ``last_action`` and ``last_reason`` are of the last decision about the root,
    ``load_failure`` is why its wallet could not be loaded, ``container`` is its
    container's name; ``next_try_wall`` is when its next remedy is due: all empty
    where there is none.
    """
    ended = incident.resolved_at or at
    facts = {
        "incident": incident.id,
        "target": incident.target,
        "severity": incident.severity.value,
        "cause": incident.cause.value,
        "opened_at_wall": f"{incident.opened_at.wall:.3f}",
        "seconds": f"{max(0.0, ended.wall - incident.opened_at.wall):.0f}",
        "affected": ", ".join(incident.affected),
        "followers": ", ".join(incident.followers),
        "acked_by": incident.acked_by,
        "mode": state.mode_in_force.value,
        "reason": "",
        "remedies": str(incident.remedies),
        "loads": str(incident.loads),
        "lane": "",
        "last_action": "",
        "last_reason": "",
        "load_failure": "",
        "container": "",
        "next_try_wall": "",
    }
    if incident.resolved_at is not None:
        facts["resolved_at_wall"] = f"{incident.resolved_at.wall:.3f}"
    root = root_of(state, incident)
    if root is not None:
        facts.update(facts_of_instance(root, at))
    if incident.detail:
        facts["reason"] = incident.detail
    return facts


def facts_of_balance(compared: BalanceCompared) -> dict[str, str]:
    """``confirmed_before``, ``confirmed_after``, ... as text, in whole coins.

    Only where both are known. ``incident`` is empty where there was none.
    """
    facts = {
        "incident": compared.incident or "",
        "target": compared.name,
        "opened_at_wall": f"{compared.at.wall:.3f}",
    }
    for when, seen in (("before", compared.before), ("after", compared.after)):
        parts = seen.texts() if seen is not None else {}
        facts.update({f"{part}_{when}": amount for part, amount in parts.items()})
    return facts


def root_of(state: State, incident: Incident) -> Instance | None:
    """The instance that an incident was opened for; None where it is gone."""
    found = (i for i in state.instances.values() if i.name == incident.target)
    return next(found, None)


def facts_of_instance(instance: Instance, at: Moment) -> dict[str, str]:
    """What is known of it now: those of ``facts_of`` that are about one instance."""
    decision, wait_s = instance.last_decision, _wait_s(instance, at)
    return {
        "reason": _measured(instance),
        "lane": instance.lane.name.value,
        "last_action": decision.action.value if decision else "",
        "last_reason": decision.reason if decision else "",
        "load_failure": instance.load_failure,
        "container": instance.container.name if instance.container else "",
        "next_try_wall": f"{at.wall + wait_s:.3f}" if wait_s > 0 else "",
    }


def _wait_s(instance: Instance, at: Moment) -> float:
    """Until its next try; 0: none is waited for. A loop that goes on is left alone."""
    if instance.looping and needs_no_start(instance):
        return 0.0
    return max(0.0, instance.lane.not_before - at.mono)


def _measured(root: Instance) -> str:
    """What the last probe said; while something is done, a state's reason is that.

    Of a container that does not run a probe says what its end looks like from afar.
    """
    if root.state in _NOT_PROBED:
        return root.reason
    last = root.health.last
    failing = last is not None and last.verdict is Verdict.FAILURE
    return last.reason if last is not None and failing else root.reason
