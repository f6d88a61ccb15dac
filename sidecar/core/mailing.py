"""Which channels and hooks hear of what, and the facts that they are told."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from sidecar.core.deed import as_text, with_loads
from sidecar.core.escalation import at_least, next_wall, rung
from sidecar.core.incident import Incident, new_id
from sidecar.core.moment import Moment, whole_seconds
from sidecar.core.notify import HOOK_PREFIX, NotifySettings
from sidecar.core.outcome import Severity
from sidecar.core.payments import effect_of
from sidecar.core.present import measured, present_cause, root_facts, subject_of
from sidecar.core.record import Message, MessageKind
from sidecar.core.state import Instance, State
from sidecar.core.story import (
    facts_of_place,
    facts_of_work,
    is_about_load,
    loads_of,
)
from sidecar.core.transition import BalanceCompared


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


def good_news(
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
    return _addressed(
        _Thread(new_id(kind, at), 1, Severity.P3), hearing, kind, facts, at
    )


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

    Wall clock times are seconds: ``since_wall`` is the first failure, ``seconds`` how
    long it has lasted since; ``next_wall`` is when those who were told hear of it
    again, at the latest. ``cause`` is the present one, ``first_cause`` that of the
    opening, ``known_cause`` what people heard of last. ``about`` is who does not work
    now. ``last_action`` and ``last_reason`` are of the last decision about it,
    ``load_failure`` is why its wallet could not be loaded, ``deeds`` what was done
    (``deed.from_text``), ``acked_at_wall`` when ``acked_by`` took care of it: all empty
    where there is none.
    """
    ended, acked = incident.resolved_at or at, incident.acked_at
    subject = subject_of(state, incident)
    effect = effect_of(state, incident)
    root = root_facts(state, incident, at)
    again = next_wall(incident, root, state.notify.escalation, at)
    facts = {
        "incident": incident.id,
        "target": incident.target,
        "about": subject.name if subject is not None else incident.target,
        "severity": incident.severity.value,
        "cause": present_cause(incident, subject).value,
        "first_cause": incident.cause.value,
        "known_cause": (incident.told_cause or incident.cause).value,
        "opened_at_wall": f"{incident.opened_at.wall:.3f}",
        "since_wall": f"{incident.since_wall:.3f}",
        "as_of_wall": f"{at.wall:.3f}",
        "next_wall": "" if again is None else f"{again:.3f}",
        "seconds": str(whole_seconds(incident.since_wall, ended.wall)),
        "affected": ", ".join(incident.affected),
        "followers": ", ".join(incident.followers),
        "payments": effect.payments.value,
        "payments_of": ", ".join(effect.names),
        "acked_by": incident.acked_by,
        "acked_at_wall": f"{acked.wall:.3f}" if acked is not None else "",
        "mode": state.mode_in_force.value,
        "reason": "",
        "remedies": str(incident.remedies),
        "loads": str(incident.loads),
        "deeds": as_text(incident.deeds),
        "lane": "",
        "last_action": "",
        "last_reason": "",
        "load_failure": "",
        "container": "",
        "next_try_wall": "",
        "watched": "yes" if subject is not None else "",
    }
    if incident.resolved_at is not None:
        facts["resolved_at_wall"] = f"{incident.resolved_at.wall:.3f}"
    if subject is not None:
        facts.update(facts_of_subject(state, subject, at))
    if subject is not None and incident.open and is_about_load(subject):
        loads = loads_of(subject, at)
        facts["deeds"] = as_text(with_loads(incident.deeds, subject.name, loads))
    if incident.detail:
        facts["reason"] = incident.detail
    return facts


def facts_of_balance(
    compared: BalanceCompared, incident: Incident | None
) -> dict[str, str]:
    """``confirmed_before``, ``confirmed_after``, ... as text, in whole coins.

    Only where both are known. ``incident`` is empty where there was none; ``deeds`` has
    the last remedy of it, where one is known.
    """
    facts = {
        "incident": compared.incident or "",
        "target": compared.name,
        "opened_at_wall": f"{compared.at.wall:.3f}",
        "deeds": as_text(incident.deeds[-1:]) if incident is not None else "",
    }
    for when, seen in (("before", compared.before), ("after", compared.after)):
        parts = seen.texts() if seen is not None else {}
        facts.update({f"{part}_{when}": amount for part, amount in parts.items()})
    return facts


def facts_of_subject(state: State, subject: Instance, at: Moment) -> dict[str, str]:
    """What is known of it now: those of ``facts_of`` that are about one instance."""
    decision = subject.last_decision
    return {
        **facts_of_work(state, subject, at),
        **facts_of_place(state, subject),
        "reason": measured(subject),
        "last_action": decision.action.value if decision else "",
        "last_reason": decision.reason if decision else "",
        "load_failure": subject.load_failure,
    }
