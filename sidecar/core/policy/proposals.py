"""The proposal for one instance: the most specific rule comes first."""

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.policy.drain_proposals import propose_after_drain
from sidecar.core.policy.failure_proposals import propose_for_failure
from sidecar.core.policy.planned_proposals import propose_planned
from sidecar.core.policy.proposal import (
    Proposal,
    describe_failure,
    is_uninspected,
    propose_page,
)
from sidecar.core.policy.recreate_proposals import (
    deepen,
    is_being_recreated,
    propose_settlement,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.wallet_load import is_probed_since_load
from sidecar.core.status import (
    container_run,
    own_network,
)
from sidecar.core.status.current_cause import current_cause, last_reason
from sidecar.core.status.replicas import is_drained
from sidecar.core.status.start_period import is_late
from sidecar.core.status.streaks import is_certain
from sidecar.core.status.target_status import (
    may_report,
    unfinished_redeploy,
    unknown_too_long,
)

_RETRY_S = 5.0
"""Wait after an action of a takeover that could not be sent."""

_STOP_WAS_UNDONE = Reason.of(R.STOP_WAS_UNDONE)


def propose(
    state: State, instance: Instance, target: Target, at: Moment
) -> Proposal | None:
    """The proposal for one instance now; None: nothing is to be done.

    The most specific rule comes first. From ``_wallet_proposal`` on, all are about a
    container that runs.
    """
    if instance.asked:
        return _operator_proposal(instance)
    if instance.remedy is not None and is_drained(instance):
        return propose_after_drain(state, instance, instance.remedy, at)
    if container_run.has_undone_stop(instance, at.mono) and instance.remedy is None:
        return Proposal(Action.STOP, Trigger.OPERATOR, None, _STOP_WAS_UNDONE)
    if container_run.engine_fault(instance):
        return propose_planned(state, instance, at) or _unreadable_proposal(
            instance, at
        )
    return (
        propose_settlement(instance, at)
        or _takeover_proposal(instance, target, at)
        or propose_planned(state, instance, at)
        or _absent_proposal(instance, target, at)
        or _own_network_proposal(state, instance, target, at)
        or _unknown_proposal(instance, at)
        or _wallet_in_loop_proposal(instance, target)
        or _crash_loop_proposal(instance, at)
        or _exited_proposal(instance)
        or _late_boot_proposal(instance, target, at)
        or _after_dependency_proposal(instance)
        or _wallet_proposal(instance, target)
        or deepen(state, instance, target, propose_for_failure(instance, target, at))
        or _redeploy_proposal(instance, at)
    )


def _operator_proposal(instance: Instance) -> Proposal:
    trigger = Trigger.OPERATOR
    if instance.container is None:
        why = Reason.of(R.OPERATOR_ASKED_IN_VAIN)
        return Proposal(Action.HOLD, trigger, Cause.MISSING, why, Guard.NOT_CURABLE)
    if container_run.engine_fault(instance):
        why = Reason.of(R.OPERATOR_ASKED_BUT, reason=instance.reason)
        return Proposal(
            Action.HOLD, trigger, Cause.PROBER_FAILED, why, Guard.NOT_CURABLE
        )
    running = container_run.is_running(instance)
    action = Action.RESTART if running else Action.START
    return Proposal(
        action, trigger, None, Reason.of(R.OPERATOR_ASKED), forced=instance.asked_now
    )


def _takeover_proposal(
    instance: Instance, target: Target, at: Moment
) -> Proposal | None:
    """Finish the remedy of a dead predecessor, so that nothing stays stopped."""
    remedy, last = instance.remedy, instance.last_decision
    if remedy is None or remedy.phase is not RemedyPhase.TAKEN_OVER or last is None:
        return None
    if last.action.changes_something and at.mono - last.at.mono < _RETRY_S:
        return None
    decision = remedy.decision
    why = Reason.of(R.LEFT_UNFINISHED, action=decision.action)
    if container_run.has_stopped(instance):
        return Proposal(
            Action.START, decision.trigger, decision.cause, why, finishes=True
        )
    if at.mono < remedy.deadline_mono or not container_run.is_running(instance):
        return None
    if decision.trigger.is_automatic and not _is_curable(instance, target, at):
        return None
    cause = instance.health.cause
    recreates = decision.action is Action.RECREATE
    action = Action.RECREATE if recreates else Action.RESTART
    return Proposal(action, decision.trigger, cause, why, finishes=True)


def _is_curable(instance: Instance, target: Target, at: Moment) -> bool:
    """Does it still fail, for certain, and would a restart help?"""
    cause = instance.health.cause
    if cause is None or CAUSES[cause].remedy is not RemedyKind.RESTART:
        return False
    return is_certain(instance.health, target, at.mono)


def _absent_proposal(instance: Instance, target: Target, at: Moment) -> Proposal | None:
    trigger = Trigger.FAILURE
    if instance.container is None:
        if is_being_recreated(instance):
            return None
        if not may_report(instance, target, Cause.MISSING, at):
            why = Reason.of(R.WAITS_FOR_REDEPLOY)
            return Proposal(Action.HOLD, trigger, Cause.MISSING, why, Guard.NOT_CURABLE)
        return propose_page(Cause.MISSING, Reason.of(R.NO_CONTAINER))
    if instance.container.service_hold.is_update:
        return None
    if instance.state is TargetState.STOPPED and instance.cause is not None:
        return propose_page(instance.cause, instance.reason)
    return None


def _unreadable_proposal(instance: Instance, at: Moment) -> Proposal | None:
    """Page about a container that the engine cannot report on, after a while."""
    cause = Cause.PROBER_FAILED
    lasted_s = at.mono - instance.since.mono
    if instance.remedy is not None or lasted_s < CAUSES[cause].grace_s:
        return None
    return propose_page(cause, instance.reason)


def _redeploy_proposal(instance: Instance, at: Moment) -> Proposal | None:
    """Page about an interrupted redeploy, which leaves the old container running."""
    if unfinished_redeploy(instance, at) is None:
        return None
    why = Reason.of(R.COMPOSE_UP_ENDS_IT, why=instance.reason)
    return Proposal(Action.PAGE, Trigger.FAILURE, Cause.MISSING, why, Guard.NOT_CURABLE)


def _unknown_proposal(instance: Instance, at: Moment) -> Proposal | None:
    if instance.state is not TargetState.UNKNOWN:
        return None
    blind = unknown_too_long(instance.health, at)
    if blind is None or blind.cause is None:
        return None
    return propose_page(blind.cause, blind.reason)


def _own_network_proposal(
    state: State, instance: Instance, target: Target, at: Moment
) -> Proposal | None:
    """Is our own network to blame, or not known to be in order?"""
    cause = instance.health.cause
    if instance.cause is Cause.OWN_NETWORK:
        why = Reason.of(R.OWN_NETWORK_LOST, reason=instance.reason)
    elif cause is None or not own_network.is_loss_unconfirmed(state, instance, at):
        return None
    elif CAUSES[cause].remedy is None and is_certain(instance.health, target, at.mono):
        failures = describe_failure(instance)
        why = Reason.of(R.OWN_NETWORK_UNCONFIRMED, reason=failures)
    else:
        return None
    trigger, guard = Trigger.FAILURE, Guard.OWN_NETWORK
    return Proposal(Action.HOLD, trigger, Cause.OWN_NETWORK, why, guard)


def _crash_loop_proposal(instance: Instance, at: Moment) -> Proposal | None:
    """Page; where the engine does not restart it, also start it once per slow step."""
    remedy = instance.remedy
    if not instance.looping or instance.container is None:
        return None
    if remedy is not None and remedy.phase is not RemedyPhase.VERIFYING:
        return None
    if container_run.needs_no_start(instance):
        return propose_page(Cause.CRASH_LOOP, instance.reason)
    if remedy is not None:
        return None
    wait_s = instance.lane.not_before - at.mono
    if wait_s > 0:
        why = Reason.of(R.STARTED_ONCE_MORE, why=instance.reason, wait_s=wait_s)
        return propose_page(Cause.CRASH_LOOP, why)
    return Proposal(Action.START, Trigger.FAILURE, Cause.CRASH_LOOP, instance.reason)


def _exited_proposal(instance: Instance) -> Proposal | None:
    if instance.cause is not Cause.NOT_RUNNING or instance.remedy is not None:
        return None
    return Proposal(Action.START, Trigger.FAILURE, Cause.NOT_RUNNING, instance.reason)


def _after_dependency_proposal(instance: Instance) -> Proposal | None:
    if not instance.must_restart or instance.remedy is not None:
        return None
    settling = instance.settling
    why = Reason.of(R.ALWAYS_AFTER_ROOT)
    if settling is not None:
        why = Reason.of(R.ALWAYS_AFTER_DEPENDENCY, root=settling.root)
    return Proposal(Action.RESTART, Trigger.DEPENDENCY, None, why)


def _late_boot_proposal(
    instance: Instance, target: Target, at: Moment
) -> Proposal | None:
    """Inspect the processes of a late start: does one still boot?"""
    if not container_run.is_running(instance) or not is_uninspected(instance):
        return None
    if not is_late(instance, target, at.mono) or current_cause(instance) is None:
        return None
    why = Reason.of(R.LOOKS_FOR_ALIVE, why=last_reason(instance))
    return Proposal(Action.LOOK, Trigger.FAILURE, current_cause(instance), why)


def _wallet_in_loop_proposal(instance: Instance, target: Target) -> Proposal | None:
    """Load the wallet in a crash loop as well: the next run may last."""
    if not instance.looping or not container_run.is_running(instance):
        return None
    return _wallet_proposal(instance, target)


def _wallet_proposal(instance: Instance, target: Target) -> Proposal | None:
    """Load the wallet at once: that is harmless, and part of every start."""
    wallet = target.wallet
    if wallet is None or not wallet.load_wallet or instance.loading is not None:
        return None
    if not is_probed_since_load(instance):
        return None
    if current_cause(instance) is not Cause.WALLET_NOT_LOADED:
        return None
    why = Reason.of(R.WALLET_TO_LOAD)
    if instance.load_failure:
        why = Reason.of(R.WALLET_TO_LOAD_AGAIN, reason=instance.load_failure)
    return Proposal(Action.LOAD_WALLET, Trigger.FAILURE, Cause.WALLET_NOT_LOADED, why)
