"""Proposals for an instance that runs and fails its probes."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES, UPSTREAM_CAUSES
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance, Settling
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import AfterDependency, Target
from sidecar.core.policy.guards.dependencies import grace_reason
from sidecar.core.policy.proposal import (
    Proposal,
    describe_failure,
    is_uninspected,
    propose_page,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.wallet_load import is_probed_since_load
from sidecar.core.status.current_cause import current_cause, last_reason
from sidecar.core.status.process_loss import should_inspect
from sidecar.core.status.streaks import is_certain, silence_allowed_s
from sidecar.core.status.target_status import may_report


def propose_for_failure(
    instance: Instance, target: Target, at: Moment
) -> Proposal | None:
    """The proposal for a failing instance; None: there is nothing to do yet."""
    cause = instance.health.cause
    busy = instance.remedy is not None or instance.loading is not None
    if cause is None or busy:
        return None
    if current_cause(instance) is Cause.NEVER_UP:
        why = Reason.of(R.THROUGH_TWO_STARTS, why=describe_failure(instance))
        return propose_page(Cause.NEVER_UP, why)
    if cause is Cause.WALLET_NOT_LOADED and not is_probed_since_load(instance):
        return None
    look = _inspection_reason(instance, target, at)
    if look is not None:
        return Proposal(Action.LOOK, Trigger.FAILURE, cause, look)
    if not is_certain(instance.health, target, at.mono):
        return Proposal(
            Action.HOLD,
            Trigger.FAILURE,
            cause,
            _describe_uncertainty(instance, target, at),
            Guard.THRESHOLD,
        )
    return _certain_proposal(instance, target, cause, at)


def _inspection_reason(instance: Instance, target: Target, at: Moment) -> Reason | None:
    """Reason to inspect the processes, which can prove a failure at once."""
    failures = describe_failure(instance)
    if instance.health.cause is Cause.HUNG and is_uninspected(instance):
        return Reason.of(R.LOOKS_FOR_STOPPED, why=failures)
    if should_inspect(instance, target, at.mono):
        return Reason.of(R.LOOKS_FOR_GONE, why=failures)
    return None


def _describe_busy(why: Reason, health: Health, at: Moment) -> Reason:
    """Describe that it keeps callers waiting, and since when (wall clock)."""
    if health.busy_mono is None:
        return Reason.of(R.IS_BUSY, why=why)
    began_wall = at.wall - (at.mono - health.busy_mono)
    return Reason.of(R.IS_BUSY_SINCE, why=why, since_wall=began_wall)


def _describe_uncertainty(instance: Instance, target: Target, at: Moment) -> Reason:
    health = instance.health
    threshold = target.cadence.failure_threshold
    count, last = health.alike, last_reason(instance)
    so_far = Reason.of(R.FAILURES_OF, count=count, needed=threshold, reason=last)
    if count > threshold:
        so_far = Reason.of(R.FAILURES, count=count, reason=last)
    allowed_s = silence_allowed_s(health, target)
    if health.cause is Cause.THREAD_HELD:
        return _describe_busy(so_far, health, at)
    if health.cause is not Cause.HUNG or allowed_s == 0.0:
        return Reason.of(R.NOT_CERTAIN_YET, why=so_far)
    if allowed_s == target.hang_after_s:
        return Reason.of(R.MAY_WAIT_FOR_NETWORK, why=so_far, seconds=allowed_s)
    if health.busy_mono is None:
        return Reason.of(R.LIKELY_BUSY, why=so_far, seconds=allowed_s)
    began_wall = at.wall - (at.mono - health.busy_mono)
    return Reason.of(
        R.LIKELY_BUSY_SINCE, why=so_far, since_wall=began_wall, seconds=allowed_s
    )


def _certain_proposal(
    instance: Instance, target: Target, cause: Cause, at: Moment
) -> Proposal | None:
    rule = CAUSES[cause]
    wallet = target.wallet
    if cause in UPSTREAM_CAUSES and wallet and wallet.restart_on_upstream_loss:
        return _upstream_proposal(instance, cause, wallet.upstream_grace_s, at)
    if rule.remedy is None or cause is Cause.WALLET_NOT_LOADED:
        if may_report(instance, target, cause, at):
            return propose_page(cause, describe_failure(instance))
        failures = describe_failure(instance)
        if cause is Cause.THREAD_HELD:
            failures = _describe_busy(failures, instance.health, at)
        why = Reason.of(R.NO_RESTART, why=failures, because=rule.why_not)
        return Proposal(Action.HOLD, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)
    if instance.settling is None:
        return Proposal(
            Action.RESTART, Trigger.FAILURE, cause, describe_failure(instance)
        )
    if target.after_dependency is AfterDependency.NEVER:
        return _never_after_dependency_proposal(instance, instance.settling, cause, at)
    return Proposal(
        Action.RESTART, Trigger.DEPENDENCY, cause, describe_failure(instance)
    )


def _never_after_dependency_proposal(
    instance: Instance, settling: Settling, cause: Cause, at: Moment
) -> Proposal:
    failures, grace = describe_failure(instance), grace_reason(settling, at)
    if grace is not None:
        wait_s = settling.until_mono - at.mono
        why = Reason.of(R.GRACE_LEFT, why=failures, root=settling.root, wait_s=wait_s)
        return Proposal(Action.HOLD, Trigger.DEPENDENCY, cause, why, Guard.DEPENDENCY)
    why = Reason.of(R.NEVER_AFTER_DEPENDENCY, why=failures, root=settling.root)
    return Proposal(Action.PAGE, Trigger.DEPENDENCY, cause, why, Guard.OPTED_OUT)


def _upstream_proposal(
    instance: Instance, cause: Cause, grace_s: float, at: Moment
) -> Proposal:
    since = instance.health.cause_mono
    lasted_s = at.mono - since if since is not None else 0.0
    failures = describe_failure(instance)
    if lasted_s < grace_s:
        why = Reason.of(R.RESTART_FOLLOWS, why=failures, seconds=grace_s)
        return Proposal(Action.HOLD, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)
    return Proposal(Action.RESTART, Trigger.FAILURE, cause, failures)
