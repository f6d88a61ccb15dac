"""What a turn tells people: the step from what happened to messages, pure."""

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core import loop, own_network
from sidecar.core.budget import LaneName
from sidecar.core.decision import Action, Decision
from sidecar.core.deed import deed_of, remember
from sidecar.core.escalation import advance, made_urgent
from sidecar.core.folded import put, put_incident
from sidecar.core.incident import Incident, new_id
from sidecar.core.judge import blind_since_wall
from sidecar.core.mailing import (
    facts_of,
    facts_of_balance,
    facts_of_subject,
    good_news,
    messages,
    notice,
)
from sidecar.core.moment import Moment
from sidecar.core.notify import NotifySettings
from sidecar.core.outcome import CAUSES, Cause, Severity
from sidecar.core.present import (
    present_cause,
    root_facts,
    root_of,
    speaking,
    subject_of,
)
from sidecar.core.record import Message, MessageKind
from sidecar.core.state import Instance, State
from sidecar.core.target import InstanceId
from sidecar.core.transition import (
    BalanceCompared,
    Comparison,
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
    StateChanged,
    TargetState,
    Transition,
)

ENGINE_GRACE_S = 60.0
"""An engine that is being upgraded is back before."""


def tell_transitions(
    state: State,
    transitions: Iterable[Transition],
    settings: NotifySettings,
    at: Moment,
) -> tuple[State, tuple[Message, ...]]:
    """Tell what failed, was given up or was resolved.

    Call it before ``tell_time``. A dependent's trouble is told only once its root
    works. Before the opening was told, and while the root is paused, nothing is
    told but the resolve.
    """
    made: list[Message] = []
    for transition in transitions:
        incident = state.incidents.get(transition.incident or "")
        if incident is None:
            continue
        kind = _kind_of(state, transition)
        if isinstance(transition, RemedyEnded):
            is_load = transition.action is Action.LOAD_WALLET
            if is_load and incident.loads and kind is MessageKind.ACTION_FAILED:
                # Loads are tried every minute: that they go on failing is no news.
                kind = None
            loads, remedies = incident.loads + is_load, incident.remedies + 1
            deeds = remember(incident.deeds, deed_of(transition))
            incident = replace(incident, remedies=remedies, loads=loads, deeds=deeds)
        if kind is not None and _is_told(state, incident, transition, kind):
            if kind is MessageKind.DEAD_LETTER:
                incident = made_urgent(incident, at)
            incident, new = _messages(state, incident, kind, settings, at)
            made.extend(new)
        state = put_incident(state, incident)
    return state, tuple(made)


def tell_time(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...], tuple[tuple[str, MessageKind], ...]]:
    """Tell what is due of every open incident, the opening among it.

    Also which incident came to what, for whoever notes it.
    """
    made: list[Message] = []
    steps: list[tuple[str, MessageKind]] = []
    still = [incident for incident in state.incidents.values() if incident.open]
    for known in still:
        if _is_paused(state, root_of(state, known)):
            continue
        root = root_facts(state, known, at)
        incident, kind = advance(known, root, settings.escalation, at)
        if kind is None:
            continue
        steps.append((incident.id, kind))
        incident, new = _messages(state, incident, kind, settings, at, known.acked_at)
        state = put_incident(state, incident)
        made.extend(new)
    return state, tuple(made), tuple(steps)


def tell_engine(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that the engine is lost, and then that it is back.

    One that restarts is given its time.
    """
    view = state.engine
    since = max(view.since, state.started)
    if view.reachable != view.told:
        return state, ()
    if not view.reachable and at.mono - since.mono < ENGINE_GRACE_S:
        return state, ()
    kind = MessageKind.ENGINE_BACK if view.reachable else MessageKind.ENGINE_LOST
    facts = {"opened_at_wall": f"{since.wall:.3f}", "reason": view.reason}
    if view.reachable:
        if view.lost_at is not None:
            facts["from_wall"] = f"{view.lost_at.wall:.3f}"
        made = good_news(Severity.P2, kind, facts, settings, at)
    else:
        made = notice(new_id(kind, at), Severity.P2, kind, facts, settings, at)
    return replace(state, engine=replace(view, told=not view.told)), made


def tell_doubt(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that what was done before this start is not known."""
    if not state.doubt or state.doubt_told:
        return state, ()
    kind = MessageKind.STORE_LOST
    facts = {"opened_at_wall": f"{state.started.wall:.3f}", "reason": state.doubt}
    made = notice(new_id(kind, at), Severity.P1, kind, facts, settings, at)
    return replace(state, doubt_told=True), made


def tell_loops(
    state: State,
    touched: Iterable[InstanceId],
    settings: NotifySettings,
    at: Moment,
) -> tuple[State, tuple[Message, ...]]:
    """Tell of crash loops, once their last words are known or are not to be had.

    Call it after ``tell_time``: an incident's opening is told first.
    """
    made: list[Message] = []
    for who in touched:
        instance = state.instances.get(who)
        if instance is None or not loop.is_to_be_told(instance, at):
            continue
        incident = state.incidents.get(instance.incident or "")
        if incident is None or not _hears_of(state, incident, instance.name):
            continue
        known = facts_of(state, incident, at)
        known |= facts_of_subject(state, instance, at)
        facts, kind = loop.facts(instance, known), MessageKind.CRASH_LOOP
        if instance.name == incident.target:
            incident = replace(incident, told_cause=Cause.CRASH_LOOP)
        incident, new = messages(incident, kind, facts, settings, at)
        made.extend(new)
        state = put_incident(state, incident)
        state = put(state, loop.told(instance))
    return state, tuple(made)


def notices(
    state: State,
    decisions: Iterable[Decision],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """Messages of what is no incident: a page about an operator's own stop."""
    made: list[Message] = []
    for decision in decisions:
        cause = decision.cause
        instance = state.instances.get(decision.instance)
        if decision.action is not Action.PAGE or cause is None or instance is None:
            continue
        if instance.incident is not None:
            continue
        # For information: nobody is called for it.
        severity = max(CAUSES[cause].severity, Severity.P2)
        which = new_id(decision.name, at)
        began_wall = blind_since_wall(instance.health, cause, at)
        about = Incident(
            which, decision.name, cause, severity, at, began_wall=began_wall
        )
        facts, kind = facts_of(state, about, at), MessageKind.NOTICE
        made.extend(notice(which, severity, kind, facts, settings, at))
    return tuple(made)


def balance_notices(
    state: State,
    transitions: Iterable[Transition],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """Messages of wallets that do not hold what they held before a remedy.

    They are facts, no incidents: nobody is asked to answer. Of a target that is
    paused nothing is told.
    """
    made: list[Message] = []
    for seen in transitions:
        if not isinstance(seen, BalanceCompared):
            continue
        differs = seen.comparison is Comparison.DIFFERENT
        if differs and seen.instance.target not in state.paused:
            incident = state.incidents.get(seen.incident or "")
            which, facts = new_id(seen.name, at), facts_of_balance(seen, incident)
            kind = MessageKind.BALANCE
            made.extend(notice(which, Severity.P2, kind, facts, settings, at))
    return tuple(made)


def _messages(
    state: State,
    incident: Incident,
    kind: MessageKind,
    settings: NotifySettings,
    at: Moment,
    acked_at: Moment | None = None,
) -> tuple[Incident, tuple[Message, ...]]:
    """``acked_at``: of an acknowledgement that may count no more."""
    facts = facts_of(state, incident, at)
    if acked_at is not None:
        facts["acked_at_wall"] = f"{acked_at.wall:.3f}"
    heard = replace(
        incident,
        told_cause=present_cause(incident, subject_of(state, incident)),
        told_severity=incident.severity,
    )
    return messages(heard, kind, facts, settings, at)


def _kind_of(state: State, transition: Transition) -> MessageKind | None:
    if isinstance(transition, RemedyEnded):
        helped = transition.outcome is RemedyOutcome.RECOVERED
        told_otherwise = _is_told_otherwise(state, transition)
        return None if helped or told_otherwise else MessageKind.ACTION_FAILED
    if isinstance(transition, StateChanged):
        gave_up = transition.new is TargetState.DEAD_LETTER
        return MessageKind.DEAD_LETTER if gave_up else None
    if isinstance(transition, BalanceCompared):
        return None
    resolved = transition.step is IncidentStep.RESOLVED
    return MessageKind.RESOLVED if resolved else None


def _is_told_otherwise(state: State, ended: RemedyEnded) -> bool:
    """Was it the last try, told with the dead letter, or a load in a crash loop?

    What could not be verified for our own network's sake did not fail.
    """
    instance = state.instances.get(ended.instance)
    if instance is None:
        return False
    loads = ended.action is Action.LOAD_WALLET
    given_up = instance.lane.name is LaneName.DEAD_LETTER
    unknown = own_network.is_blind(instance.health)
    return given_up or unknown or (loads and instance.looping)


def _is_told(
    state: State, incident: Incident, transition: Transition, kind: MessageKind
) -> bool:
    if kind is MessageKind.RESOLVED:
        return True
    name = (
        transition.target
        if isinstance(transition, IncidentChanged)
        else transition.name
    )
    return _hears_of(state, incident, name)


def _hears_of(state: State, incident: Incident, name: str) -> bool:
    """Are people told of what happens to ``name`` in this incident now?"""
    if not incident.open or incident.told_wall is None:
        return False
    root = root_of(state, incident)
    return not _is_paused(state, root) and name in speaking(root, incident)


def _is_paused(state: State, root: Instance | None) -> bool:
    return root is not None and root.id.target in state.paused
