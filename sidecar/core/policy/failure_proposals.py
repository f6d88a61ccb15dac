"""Proposals for an instance that runs and fails its probes."""

from sidecar.core.model.cause import UPSTREAM_CAUSES, Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance, Settling
from sidecar.core.model.moment import Moment, rfc3339
from sidecar.core.model.target import AfterDependency, Target
from sidecar.core.policy.guards.dependencies import grace_remaining
from sidecar.core.policy.proposal import (
    Proposal,
    describe_failure,
    is_uninspected,
    propose_page,
)
from sidecar.core.recovery.wallet_load import is_probed_since_load
from sidecar.core.status.process_loss import should_inspect
from sidecar.core.status.streaks import is_certain, silence_allowed_s
from sidecar.core.status.target_status import (
    current_cause,
    last_reason,
    may_report,
)


def propose_for_failure(
    instance: Instance, target: Target, at: Moment
) -> Proposal | None:
    """The proposal for a failing instance; None: there is nothing to do yet."""
    cause = instance.health.cause
    busy = instance.remedy is not None or instance.loading is not None
    if cause is None or busy:
        return None
    if current_cause(instance) is Cause.NEVER_UP:
        why = f"{describe_failure(instance)}, to the end of two starts in a row"
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


def _inspection_reason(instance: Instance, target: Target, at: Moment) -> str | None:
    """Its processes can prove at once what else takes patience."""
    seen = describe_failure(instance)
    if instance.health.cause is Cause.HUNG and is_uninspected(instance):
        return f"{seen}; looking whether its processes are stopped"
    if should_inspect(instance, target, at.mono):
        return f"{seen}; looking whether the process that served has gone"
    return None


def _busy_since(health: Health, at: Moment) -> str:
    """Since when it keeps callers waiting, by the wall clock."""
    if health.busy_mono is None:
        return ""
    began = rfc3339(at.wall - (at.mono - health.busy_mono))
    return " since " + began


def _describe_uncertainty(instance: Instance, target: Target, at: Moment) -> str:
    health = instance.health
    threshold = target.cadence.failure_threshold
    of = f" of {threshold}" if health.alike <= threshold else ""
    busy_since = _busy_since(health, at)
    so_far = f"failure {health.alike}{of}: {last_reason(instance)}"
    allowed_s = silence_allowed_s(health, target)
    if health.cause is Cause.THREAD_HELD:
        return f"{so_far}; it is busy{busy_since}"
    if health.cause is not Cause.HUNG or allowed_s == 0.0:
        return f"{so_far}; not certain yet"
    if allowed_s == target.hang_after_s:
        return (
            f"{so_far}; a network call may hold it for 30 s, "
            f"certain after {allowed_s:.0f} s of silence"
        )
    return (
        f"{so_far}; it is likely busy{busy_since}: its upstream server was "
        "lost, slow or not known when it last answered, and calls of 30 s queue; "
        f"certain after {allowed_s:.0f} s of silence"
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
        seen = describe_failure(instance)
        if cause is Cause.THREAD_HELD:
            seen = f"{seen}; it is busy{_busy_since(instance.health, at)}"
        why = f"{seen}; no restart, because {rule.why_not}"
        return Proposal(Action.HOLD, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)
    if instance.settling is None:
        return Proposal(
            Action.RESTART, Trigger.FAILURE, cause, describe_failure(instance)
        )
    if target.after_dependency is AfterDependency.NEVER:
        return _left_to_people_proposal(instance, instance.settling, cause, at)
    return Proposal(
        Action.RESTART, Trigger.DEPENDENCY, cause, describe_failure(instance)
    )


def _left_to_people_proposal(
    instance: Instance, settling: Settling, cause: Cause, at: Moment
) -> Proposal:
    seen, waits = describe_failure(instance), grace_remaining(settling, at)
    if waits is not None:
        why = f"{seen}; {waits}"
        return Proposal(Action.HOLD, Trigger.DEPENDENCY, cause, why, Guard.DEPENDENCY)
    why = f"{seen}; {settling.root} works again, and after_dependency is never"
    return Proposal(Action.PAGE, Trigger.DEPENDENCY, cause, why, Guard.OPTED_OUT)


def _upstream_proposal(
    instance: Instance, cause: Cause, grace_s: float, at: Moment
) -> Proposal:
    since = instance.health.cause_mono
    lasted = at.mono - since if since is not None else 0.0
    seen = describe_failure(instance)
    if lasted < grace_s:
        why = f"{seen}; a restart follows after {grace_s:.0f} s of this"
        return Proposal(Action.HOLD, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)
    return Proposal(Action.RESTART, Trigger.FAILURE, cause, seen)
