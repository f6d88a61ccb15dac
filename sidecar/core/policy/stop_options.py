"""The stop of the container in a restart: when a signal is sent."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import recreation
from sidecar.core.recovery.polite_stop import (
    is_called_off_by_answer,
    is_free,
    loading_s,
    polite_stop_s,
)
from sidecar.core.status import expected_wallets
from sidecar.core.status.streaks import is_gone

STOPPING_ACTIONS = frozenset({Action.RESTART, Action.RECREATE})
"""Actions that stop a container that runs."""


def add_stop_options(
    decision: Decision, instance: Instance, target: Target
) -> Decision:
    """Add the stop options: a polite stop while there is state to save.

    Where the engine may refuse to start it again, it is not stopped politely.
    """
    settings = target.restart
    if decision.action is Action.LOAD_WALLET:
        absent = expected_wallets.find_absent(instance, target)
        wait_s = loading_s(instance, target, len(absent), decision.at.mono)
        return replace(decision, wallets=absent, polite_stop_s=wait_s)
    if decision.action not in STOPPING_ACTIONS or decision.settles:
        return replace(decision, stop_timeout_s=settings.stop_timeout_s)
    silent = decision.cause in {Cause.HUNG, Cause.REFUSED}
    stop_s = settings.dead_stop_timeout_s if silent else settings.stop_timeout_s
    polite_s = polite_stop_s(instance, target)
    if _may_be_refused(decision, instance):
        polite_s = 0.0
    reason = decision.reason
    if polite_s and not is_free(instance, decision.at.mono):
        reason = _add_wait(decision, instance, polite_s)
    return replace(
        decision,
        stop_timeout_s=stop_s,
        polite_stop_s=polite_s,
        wallets=recreation.wallets_to_keep(decision, instance, target),
        reason=reason,
        process_gone=is_gone(instance.health) and decision.trigger.is_automatic,
    )


def _may_be_refused(decision: Decision, instance: Instance) -> bool:
    """Might it stay stopped, because the engine refused the last action?

    Not for an operator, who sees the result, and not for a hung daemon, which a polite
    stop does not stop.
    """
    if instance.refusal is None or decision.trigger is Trigger.OPERATOR:
        return False
    return decision.cause is not Cause.HUNG


def _add_wait(decision: Decision, instance: Instance, polite_s: float) -> Reason:
    """The reason, with the wait before a signal is sent."""
    why = decision.reason
    if instance.health.frozen:
        return Reason.of(R.ONCE_CONTINUED, why=why, wait_s=polite_s)
    if is_called_off_by_answer(decision):
        return Reason.of(R.UNLESS_IT_ANSWERS, why=why, wait_s=polite_s)
    return Reason.of(R.ONCE_IT_STOPPED, why=why, wait_s=polite_s)


def skip_polite_stop(decision: Decision, target: Target) -> Decision:
    """Skip the polite stop for an operator; the reason warns of its cost."""
    reason = Reason.of(R.WITHOUT_WAITING, why=decision.reason)
    stop_s = target.restart.stop_timeout_s
    return replace(decision, stop_timeout_s=stop_s, reason=reason)
