"""Messages about what is no incident: engine, store, balances, operators' stops."""

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core.incidents.incident_facts import (
    facts_of,
    facts_of_balance,
)
from sidecar.core.incidents.routing import (
    all_clear_messages,
    informational_messages,
)
from sidecar.core.model.cause import Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.model.transition import (
    BalanceCompared,
    Comparison,
    Transition,
)
from sidecar.core.status.target_status import unknown_since_wall

ENGINE_GRACE_S = 60.0
"""An engine that is being upgraded is back before."""


def engine_messages(
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
        made = all_clear_messages(Severity.P2, kind, facts, settings, at)
    else:
        made = informational_messages(
            new_id(kind, at), Severity.P2, kind, facts, settings, at
        )
    return replace(state, engine=replace(view, told=not view.told)), made


def store_lost_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that what was done before this start is not known."""
    if not state.doubt or state.doubt_told:
        return state, ()
    kind = MessageKind.STORE_LOST
    facts = {"opened_at_wall": f"{state.started.wall:.3f}", "reason": state.doubt}
    made = informational_messages(
        new_id(kind, at), Severity.P1, kind, facts, settings, at
    )
    return replace(state, doubt_told=True), made


def page_messages(
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
        began_wall = unknown_since_wall(instance.health, cause, at)
        about = Incident(
            which, decision.name, cause, severity, at, began_wall=began_wall
        )
        facts, kind = facts_of(state, about, at), MessageKind.NOTICE
        made.extend(informational_messages(which, severity, kind, facts, settings, at))
    return tuple(made)


def balance_messages(
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
            made.extend(
                informational_messages(which, Severity.P2, kind, facts, settings, at)
            )
    return tuple(made)
