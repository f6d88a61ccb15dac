"""Messages about planned restarts that were skipped, and stopped rolling restarts."""

from collections.abc import Iterable

from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.routing import informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason_text import reason_facts
from sidecar.core.status.maintenance_windows import hold_until_end


def skipped_restart_messages(
    state: State, decisions: Iterable[Decision], settings: NotifySettings, at: Moment
) -> tuple[Message, ...]:
    """One message for each skipped restart; none for a target that is paused.

    None if another watchdog carries it out.

    In a maintenance window it is sent at its end.
    """
    messages: list[Message] = []
    for decision in decisions:
        if decision.action is not Action.SKIP:
            continue
        if decision.instance.target in state.paused or _is_left(state, decision):
            continue
        intended = decision.guard.rule.is_intended and decision.guard is not Guard.LEASE
        # P3: the settings ask for it, so it is only for information.
        severity = Severity.P3 if intended else Severity.P2
        facts = {
            "target": decision.name,
            "opened_at_wall": f"{at.wall:.3f}",
            **payment_impact_of_stack(state).facts,
            **reason_facts("last_reason", decision.reason),
        }
        group_id, kind = new_id(decision.name, at), _kind(decision)
        new = informational_messages(group_id, severity, kind, facts, settings, at)
        messages += hold_until_end(state, decision.instance.target, at.wall, new)
    return tuple(messages)


def _is_left(state: State, decision: Decision) -> bool:
    """Is it left to the watchdog that holds the lease?

    That one does not know of a request that an operator sent to this one.
    """
    lease = state.lease
    if decision.guard is not Guard.LEASE or decision.trigger is Trigger.OPERATOR:
        return False
    return lease is not None and bool(lease.holder) and not lease.lost


def _kind(decision: Decision) -> MessageKind:
    is_stop = decision.reason.code is R.ROLL_STOPPED
    if is_stop or decision.trigger is Trigger.OPERATOR:
        return MessageKind.ROLLING_STOPPED
    return MessageKind.PLAN_SKIPPED
