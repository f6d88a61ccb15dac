"""Status of a target: its state with a cause and a reason."""

from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES, UPSTREAM_CAUSES
from sidecar.core.model.container import Container, Status
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase, StopOrigin
from sidecar.core.model.lane import LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, join_reasons
from sidecar.core.status.container_run import (
    has_finished,
    is_running,
    is_stopped_by_person,
)
from sidecar.core.status.current_cause import (
    current_cause,
    has_exited,
    last_reason,
)
from sidecar.core.status.memory_kill import describe_kill_in_loop, describe_memory_kill
from sidecar.core.status.service_hold import describe_hold
from sidecar.core.status.start_period import (
    check_start_s,
    is_starting_natively,
    start_period_s,
)

REDEPLOY_S = 60.0
"""Maximum time from the creation of a new container to its start."""


class TargetStatus(NamedTuple):
    """A state with its cause and reason."""

    state: TargetState
    cause: Cause | None
    reason: Reason


def evaluate_status(instance: Instance, target: Target, at: Moment) -> TargetStatus:
    """Evaluate the status of an instance; the only source of its state."""
    if has_finished(instance, target):
        return TargetStatus(TargetState.STOPPED, None, Reason.of(R.WORK_DONE))
    absent = _status_without_container(instance)
    if absent is not None:
        return absent
    if instance.lane.name is LaneName.DEAD_LETTER and not _is_working_now(instance):
        return TargetStatus(
            TargetState.DEAD_LETTER,
            current_cause(instance),
            Reason.of(R.TRIES_USED_UP),
        )
    if instance.looping:
        return TargetStatus(
            TargetState.CRASH_LOOP, Cause.CRASH_LOOP, _describe_loop(instance)
        )
    if instance.remedy is not None:
        return _status_under_remedy(instance, instance.remedy)
    return _status_when_exited(instance) or _status_by_health(instance, target, at)


def _describe_loop(instance: Instance) -> Reason:
    ends = max(len(instance.exits), instance.short_runs)
    loop = Reason.of(R.CRASH_LOOP, count=ends)
    killed = describe_kill_in_loop(instance)
    return join_reasons((loop, killed)) if killed else loop


def is_done(instance: Instance) -> bool:
    """Is it a job that has ended well?"""
    return instance.state is TargetState.STOPPED and instance.cause is None


def _is_working_now(instance: Instance) -> bool:
    health = instance.health
    return is_running(instance) and health.up is True and not health.failures


def _status_without_container(instance: Instance) -> TargetStatus | None:
    container = instance.container
    if container is None:
        return TargetStatus(
            TargetState.MISSING, Cause.MISSING, Reason.of(R.NO_CONTAINER)
        )
    if container.fault and instance.remedy is None:
        silence = Reason.of(R.CONTAINER_UNREADABLE, said=container.fault)
        return TargetStatus(TargetState.UNKNOWN, Cause.PROBER_FAILED, silence)
    return (
        _status_when_stopped(instance, container)
        if is_stopped_by_person(instance)
        else None
    )


def _status_when_stopped(instance: Instance, container: Container) -> TargetStatus:
    if container.status is Status.PAUSED:
        return TargetStatus(
            TargetState.STOPPED, Cause.PAUSED, Reason.of(R.PAUSED_BY_OPERATOR)
        )
    if container.status is Status.CREATED:
        why = describe_hold(container.service_hold) or Reason.of(R.NEVER_STARTED)
        return TargetStatus(TargetState.STOPPED, Cause.STOPPED, why)
    if instance.stop is StopOrigin.ASSUMED:
        how = Reason.of(R.FOUND_STOPPED, exit_code=container.exit_code)
        return TargetStatus(TargetState.STOPPED, Cause.STOPPED, how)
    return TargetStatus(
        TargetState.STOPPED, Cause.STOPPED, Reason.of(R.STOPPED_BY_OPERATOR)
    )


def _status_under_remedy(instance: Instance, remedy: Remedy) -> TargetStatus:
    """Status during a remedy; in verification the cause is that of the new run."""
    action, cause = remedy.decision.action, remedy.decision.cause
    if remedy.phase is RemedyPhase.DRAINING:
        return TargetStatus(TargetState.DRAINING, None, _describe_phase(remedy))
    if remedy.phase is not RemedyPhase.VERIFYING or not _has_own_problem(instance):
        return TargetStatus(TargetState.RECOVERING, cause, _describe_phase(remedy))
    last = last_reason(instance)
    reason = Reason.of(R.REMEDY_VERIFYING_BUT, action=action, reason=last)
    present = current_cause(instance) if cause is not None else None
    return TargetStatus(TargetState.RECOVERING, present, reason)


def _describe_phase(remedy: Remedy) -> Reason:
    action = remedy.decision.action
    match remedy.phase:
        case RemedyPhase.DRAINING:
            until_wall = remedy.began.wall + remedy.decision.drain_s
            return Reason.of(R.IS_DRAINED, action=action, until_wall=until_wall)
        case RemedyPhase.ACTING if remedy.note:
            return Reason.of(R.REMEDY_DOING, action=action, reason=remedy.note)
        case RemedyPhase.ACTING:
            return Reason.of(R.REMEDY_ACTING, action=action)
        case RemedyPhase.VERIFYING:
            return Reason.of(R.REMEDY_VERIFYING, action=action)
        case RemedyPhase.TAKEN_OVER:
            return Reason.of(R.REMEDY_TAKEN_OVER, action=action)


def _has_own_problem(instance: Instance) -> bool:
    """Does the new run answer with a problem, other than a wallet not loaded yet?"""
    cause = current_cause(instance)
    if cause is None or not instance.health.has_answered:
        return False
    return cause is not Cause.WALLET_NOT_LOADED or bool(instance.load_failure)


def _status_when_exited(instance: Instance) -> TargetStatus | None:
    ended = describe_exit(instance)
    return TargetStatus(TargetState.DOWN, Cause.NOT_RUNNING, ended) if ended else None


def describe_exit(instance: Instance) -> Reason:
    """Why its container does not run; no reason: it runs, or there is none."""
    container = instance.container
    if container is None or not has_exited(instance):
        return NO_REASON
    if container.error:
        return Reason.of(R.START_REFUSED, said=container.error)
    if container.oom_killed:
        killed = describe_memory_kill(instance, container.run)
        return Reason.of(R.OUT_OF_MEMORY, because=killed)
    return Reason.of(R.EXITED, exit_code=container.exit_code)


def _status_by_health(instance: Instance, target: Target, at: Moment) -> TargetStatus:
    health = instance.health
    if health.blind is not None and health.is_blind:
        return TargetStatus(
            TargetState.UNKNOWN, health.blind.cause, health.blind.reason
        )
    cause = current_cause(instance)
    reason = last_reason(instance)
    if health.up is False:
        return TargetStatus(TargetState.DOWN, cause, reason)
    blind = unknown_too_long(health, at)
    if blind is not None and not _may_still_start(instance, target, at):
        return blind
    if health.failures:
        return TargetStatus(TargetState.FAILING, cause, reason)
    if health.up is True:
        return unfinished_redeploy(instance, at) or _status_working(instance)
    return _status_undecided(instance, target, at)


def _status_undecided(instance: Instance, target: Target, at: Moment) -> TargetStatus:
    """Status of a run without a success or a failure that counted."""
    blind, cause = instance.health.blind, current_cause(instance)
    undecided = _why_undecided(instance, target)
    if blind is not None:
        cause = cause or blind.cause
    in_time = at.mono - instance.run_mono < start_period_s(instance, target)
    if in_time or is_starting_natively(instance, target):
        return TargetStatus(TargetState.STARTING, cause, undecided)
    # After the start period, an uncounted last failure counts as failing.
    failing = cause is not None and blind is None
    state = TargetState.FAILING if failing else TargetState.UNKNOWN
    return TargetStatus(state, cause, undecided)


def _may_still_start(instance: Instance, target: Target, at: Moment) -> bool:
    """Does its HEALTHCHECK report starting, within its own start period?"""
    if not is_starting_natively(instance, target):
        return False
    return at.mono - instance.run_mono < check_start_s(instance, target)


def _why_undecided(instance: Instance, target: Target) -> Reason:
    """Reason why the health of this run is not decided yet; never empty."""
    health = instance.health
    if health.blind is not None and health.blind.reason:
        return health.blind.reason
    if not health.successes:
        return last_reason(instance) or Reason.of(R.NOT_PROBED_YET)
    so_many, threshold = health.successes, target.cadence.success_threshold
    return Reason.of(R.GOOD_ANSWERS_SO_FAR, count=so_many, needed=threshold)


def _status_working(instance: Instance) -> TargetStatus:
    last = instance.health.last
    if last is not None and last.warnings:
        return TargetStatus(TargetState.DEGRADED, None, last.reason)
    return TargetStatus(TargetState.HEALTHY, None, NO_REASON)


def unfinished_redeploy(instance: Instance, at: Moment) -> TargetStatus | None:
    """Degraded status if its replacement was not started in time; None: no such."""
    redeploy = instance.redeploy
    if redeploy is None or at.mono - redeploy.since.mono < REDEPLOY_S:
        return None
    reason = Reason.of(R.REDEPLOY_UNFINISHED, name=redeploy.name)
    return TargetStatus(TargetState.DEGRADED, None, reason)


def unknown_too_long(health: Health, at: Moment) -> TargetStatus | None:
    """UNKNOWN status after UNKNOWN results for the cause's grace; None: not yet."""
    if health.blind is None or health.blind_mono is None:
        return None
    cause = health.blind.cause or Cause.PROBER_FAILED
    lasted_s = at.mono - health.blind_mono
    if lasted_s < CAUSES[cause].grace_s:
        return None
    reason = Reason.of(R.UNKNOWN_FOR, seconds=lasted_s, reason=health.blind.reason)
    return TargetStatus(TargetState.UNKNOWN, cause, reason)


def unknown_since_wall(health: Health, cause: Cause, at: Moment) -> float | None:
    """Begin of the UNKNOWN results, if ``cause`` is theirs; otherwise None."""
    if health.blind is None or health.blind_mono is None:
        return None
    is_it = cause is (health.blind.cause or Cause.PROBER_FAILED)
    return at.wall - at.mono + health.blind_mono if is_it else None


def may_report(instance: Instance, target: Target, cause: Cause, at: Moment) -> bool:
    """Has the cause lasted long enough for a page?"""
    grace_s = CAUSES[cause].grace_s
    if target.wallet is not None and cause in UPSTREAM_CAUSES:
        grace_s = target.wallet.upstream_grace_s
    return at.mono - _failing_since_mono(instance, at) >= grace_s


def _failing_since_mono(instance: Instance, at: Moment) -> float:
    if instance.missing_since is not None:
        return instance.missing_since.mono
    first = instance.health.first_failure_mono
    return first if first is not None else at.mono
