"""Facts of an incident, as text, from which its messages are written."""

from sidecar.core.incidents.escalation import next_message_wall
from sidecar.core.incidents.incident_subject import (
    assess_urgency,
    describe_measurement,
    find_subject,
    present_cause,
)
from sidecar.core.incidents.payment_impact import payment_impact
from sidecar.core.incidents.remedy_facts import (
    facts_of_commands,
    facts_of_work,
    is_about_load,
    loads_of,
)
from sidecar.core.model.completed_remedy import add_loads, write_completed_remedies
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.transition import BalanceCompared
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.reason.reason_text import reason_facts
from sidecar.core.text.formatting import whole_seconds


def facts_of(state: State, incident: Incident, at: Moment) -> dict[str, str]:
    """Present facts of an incident, as text; ``reason`` is as it was measured.

    Wall clock times are seconds: ``since_wall`` is the first failure, ``seconds`` the
    duration since then; ``next_wall`` is the latest time of the next message to those
    who know of it. ``cause`` is the present one, ``first_cause`` that of the opening,
    ``known_cause`` the last one that people were told. ``about`` is the instance that
    does not work now. ``last_action`` and ``last_reason`` are of the last decision
    about it, ``load_failure`` is why its wallet could not be loaded, ``deeds`` are the
    completed remedies (``read_completed_remedies``), ``acked_at_wall`` is when
    ``acked_by`` took care of it, ``drill`` is "yes" if a drill caused it. A fact that
    does not exist is empty.
    """
    ended_at, acked_at = incident.resolved_at or at, incident.acked_at
    subject = find_subject(state, incident)
    impact = payment_impact(state, incident)
    urgency = assess_urgency(state, incident, at)
    next_wall = next_message_wall(incident, urgency, state.notify.escalation, at)
    facts = {
        "incident": incident.id,
        "drill": "yes" if incident.drill else "",
        "target": incident.target,
        "about": subject.name if subject is not None else incident.target,
        "severity": incident.severity.value,
        "cause": present_cause(incident, subject).value,
        "first_cause": incident.cause.value,
        "known_cause": (incident.told_cause or incident.cause).value,
        "opened_at_wall": f"{incident.opened_at.wall:.3f}",
        "since_wall": f"{incident.since_wall:.3f}",
        "as_of_wall": f"{at.wall:.3f}",
        "next_wall": "" if next_wall is None else f"{next_wall:.3f}",
        "seconds": str(whole_seconds(incident.since_wall, ended_at.wall)),
        "affected": ", ".join(incident.affected),
        "followers": ", ".join(incident.followers),
        **impact.facts,
        "acked_by": incident.acked_by,
        "acked_at_wall": f"{acked_at.wall:.3f}" if acked_at is not None else "",
        "mode": state.mode_in_force.value,
        "reason": "",
        "remedies": str(incident.remedies),
        "loads": str(incident.loads),
        "deeds": write_completed_remedies(incident.deeds),
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
        facts["deeds"] = write_completed_remedies(
            add_loads(incident.deeds, subject.name, loads)
        )
    if incident.detail:
        facts.update(reason_facts("reason", incident.detail))
    return facts


def facts_of_balance(
    compared: BalanceCompared, incident: Incident | None
) -> dict[str, str]:
    """Facts of a balance in whole coins: ``confirmed_before``, ``_after``, ...

    Only where both are known. ``incident`` is empty where there was none; ``deeds`` has
    the incident's last remedy, where one is known.
    """
    facts = {
        "incident": compared.incident or "",
        "target": compared.name,
        "opened_at_wall": f"{compared.at.wall:.3f}",
        "deeds": write_completed_remedies(incident.deeds[-1:])
        if incident is not None
        else "",
    }
    for when, balance in (("before", compared.before), ("after", compared.after)):
        parts = balance.texts() if balance is not None else {}
        facts.update({f"{part}_{when}": amount for part, amount in parts.items()})
    return facts


def facts_of_subject(state: State, subject: Instance, at: Moment) -> dict[str, str]:
    """Present facts of one instance: the part of ``facts_of`` that is about it."""
    decision = subject.last_decision
    return {
        **facts_of_work(state, subject, at),
        **facts_of_commands(state, subject),
        **reason_facts("reason", describe_measurement(subject)),
        "last_action": decision.action.value if decision else "",
        **reason_facts("last_reason", decision.reason if decision else NO_REASON),
        **reason_facts("load_failure", subject.load_failure),
    }
