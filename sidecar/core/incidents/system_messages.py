"""Messages that are about no incident: engine, store, balances, operators' stops."""

from collections.abc import Iterable

from sidecar.core.incidents.incident_facts import (
    facts_of,
    facts_of_balance,
)
from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.routing import (
    all_clear_messages,
    informational_messages,
)
from sidecar.core.model.cause import Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.transition import (
    BalanceCompared,
    Comparison,
    Transition,
)
from sidecar.core.status.current_drill import (
    count_held,
    find_drill_of,
    is_objective_exceeded,
)
from sidecar.core.status.maintenance_windows import hold_until_end
from sidecar.core.status.target_status import unknown_since_wall

ENGINE_GRACE_S = 60.0
"""Grace for an engine that is upgraded: it is back before."""


def engine_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that the engine is lost, and once that it is back.

    An engine that restarts is given ENGINE_GRACE_S.
    """
    view = state.engine
    since = max(view.since, state.started)
    if view.reachable != view.is_reported:
        return state, ()
    if not view.reachable and at.mono - since.mono < ENGINE_GRACE_S:
        return state, ()
    kind = MessageKind.ENGINE_BACK if view.reachable else MessageKind.ENGINE_LOST
    facts = {
        "opened_at_wall": f"{since.wall:.3f}",
        "reason": view.reason,
        **payment_impact_of_stack(state).facts,
    }
    if view.reachable:
        if view.lost_at is not None:
            facts["from_wall"] = f"{view.lost_at.wall:.3f}"
        messages = all_clear_messages(Severity.P2, kind, facts, settings, at)
    else:
        messages = informational_messages(
            new_id(kind, at), Severity.P2, kind, facts, settings, at
        )
    return replace(
        state, engine=replace(view, is_reported=not view.is_reported)
    ), messages


def store_lost_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that the history before this start is lost."""
    if not state.doubt or state.doubt_told:
        return state, ()
    kind = MessageKind.STORE_LOST
    facts = {
        "opened_at_wall": f"{state.started.wall:.3f}",
        "reason": state.doubt,
        **payment_impact_of_stack(state).facts,
    }
    messages = informational_messages(
        new_id(kind, at), Severity.P1, kind, facts, settings, at
    )
    return replace(state, doubt_told=True), messages


def page_messages(
    state: State,
    decisions: Iterable[Decision],
    settings: NotifySettings,
    at: Moment,
) -> tuple[State, tuple[Message, ...]]:
    """Messages about pages without an incident, as for an operator's own stop.

    Those that a drill within its objective causes are only counted.
    """
    messages: list[Message] = []
    for decision in decisions:
        cause = decision.cause
        instance = state.instances.get(decision.instance)
        if decision.action is not Action.PAGE or cause is None or instance is None:
            continue
        if instance.incident is not None:
            continue
        # P2 at most: it is for information.
        severity = max(CAUSES[cause].severity, Severity.P2)
        group_id = new_id(decision.name, at)
        began_wall = unknown_since_wall(instance.health, cause, at)
        incident = Incident(
            group_id, decision.name, cause, severity, at, began_wall=began_wall
        )
        facts, kind = facts_of(state, incident, at), MessageKind.NOTICE
        new = informational_messages(group_id, severity, kind, facts, settings, at)
        if _is_within_drill(state, instance, at):
            state = count_held(state, len(new))
        else:
            messages.extend(new)
    return state, tuple(messages)


def _is_within_drill(state: State, instance: Instance, at: Moment) -> bool:
    """Is it what a drill is about, which is as it should be?"""
    drill = find_drill_of(state, instance)
    return drill is not None and not is_objective_exceeded(drill, at)


def balance_messages(
    state: State,
    transitions: Iterable[Transition],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    """Messages about wallets whose balance differs from that before a remedy.

    They are for information and need no answer. There are none for a target that is
    paused; in a maintenance window they are sent at its end.
    """
    messages: list[Message] = []
    for transition in transitions:
        if not isinstance(transition, BalanceCompared):
            continue
        differs = transition.comparison is Comparison.DIFFERENT
        if differs and transition.instance.target not in state.paused:
            incident = state.incidents.get(transition.incident or "")
            group_id, kind = new_id(transition.name, at), MessageKind.BALANCE
            facts = facts_of_balance(transition, incident)
            facts |= payment_impact_of_stack(state).facts
            new = informational_messages(
                group_id, Severity.P2, kind, facts, settings, at
            )
            target = transition.instance.target
            messages += hold_until_end(state, target, at.wall, new)
    return tuple(messages)
