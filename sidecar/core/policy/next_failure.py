"""The result of further failed probes: when, which remedy, and which try."""

from dataclasses import dataclass

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_settings import DockerProbe, ExecProbe
from sidecar.core.model.target import Target
from sidecar.core.policy.guards.answers import GuardExplanation, first_true_s
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import recreation
from sidecar.core.status.container_run import is_running
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.start_period import is_in_start_period
from sidecar.core.status.streaks import (
    counted_failures,
    is_certain,
    silence_allowed_s,
)


@dataclass(frozen=True, slots=True)
class NextFailure:
    """The result of further failed probes.

    ``cause``: their cause; ``is_assumed``: the instance does not fail at present.
    ``missing``: number of failed probes until the failure is certain, of ``needed``.
    ``certain_in_s``: the earliest time of that. ``remedy`` None: no remedy helps, and
    ``why_not`` gives the reason. ``try_number``: number of the next try in its lane, of
    ``tries_in_lane``; 0: no try is left. ``earliest_s``: the earliest time of
    the remedy; None: ``held_by`` objects until something other than time lifts it.
    """

    cause: Cause
    is_assumed: bool
    missing: int
    needed: int
    certain_in_s: float
    remedy: Action | None
    why_not: Reason
    lane: LaneName
    try_number: int
    tries_in_lane: int
    earliest_s: float | None
    held_by: Guard


def likely_cause(instance: Instance, target: Target) -> Cause:
    """The present cause of the failure; else the cause that a failure likely has."""
    if instance.container is None:
        return Cause.MISSING
    cause = instance.cause or current_cause(instance)
    if cause is not None:
        return cause
    if not is_running(instance):
        return Cause.NOT_RUNNING
    if target.is_asked_over_network:
        return Cause.REFUSED
    kinds = {type(probe) for probe in target.probes}
    if ExecProbe in kinds:
        return Cause.COMMAND_FAILED
    return Cause.ENGINE_UNHEALTHY if DockerProbe in kinds else Cause.NOT_RUNNING


def explain_next_failure(
    case: GuardInput, guards: tuple[GuardExplanation, ...]
) -> NextFailure:
    """The result of further failures, with the guards' answers about the remedy."""
    instance, target = case.instance, case.target
    cause = case.cause or likely_cause(instance, target)
    missing = _missing_failures(instance, target, cause, case.at)
    certain_in_s = _certain_in_s(case, cause, missing)
    remedy = CAUSES[cause].remedy
    loads = remedy is RemedyKind.LOAD_WALLET
    lane = instance.load_lane if loads else instance.lane
    number, of_lane = _next_try(lane, target)
    earliest_s, held_by = _earliest(certain_in_s, guards)
    can_act = remedy is not None and number > 0
    return NextFailure(
        cause,
        is_assumed=not instance.health.failures and instance.cause is None,
        missing=missing,
        needed=target.cadence.failure_threshold if _counts(cause) else 0,
        certain_in_s=certain_in_s,
        remedy=_choose_action(case, cause, remedy),
        why_not=CAUSES[cause].why_not,
        lane=lane.name,
        try_number=number,
        tries_in_lane=of_lane,
        earliest_s=earliest_s if can_act else None,
        held_by=held_by,
    )


def _choose_action(
    case: GuardInput, cause: Cause, remedy: RemedyKind | None
) -> Action | None:
    if remedy is None:
        return None
    action = Action(remedy.value)
    return recreation.choose_action(
        case.state, case.instance, case.target, cause, action
    )


def _counts(cause: Cause) -> bool:
    """Must the cause be seen by several probes? A wallet is loaded at once."""
    return cause not in {Cause.NOT_RUNNING, Cause.MISSING, Cause.WALLET_NOT_LOADED}


def _missing_failures(
    instance: Instance, target: Target, cause: Cause, at: Moment
) -> int:
    """Number of failed probes that the streak lacks to be certain."""
    health = instance.health
    if not _counts(cause) or is_certain(health, target, at.mono):
        return 0
    counted = counted_failures(health) if health.failures else 0
    return max(0, target.cadence.failure_threshold - counted)


def _certain_in_s(case: GuardInput, cause: Cause, missing: int) -> float:
    """The earliest time at which the failure is certain.

    Failures in the start period do not count, and silence has to last.
    """
    instance, target, now_mono = case.instance, case.target, case.at.mono
    health = instance.health
    if not _counts(cause) or is_certain(health, target, now_mono):
        return 0.0
    starting_s = first_true_s(
        lambda s: not is_in_start_period(instance, target, now_mono + s)
    )
    probes_s = max(0, missing - 1) * target.cadence.fast_interval_s
    wait_s = max(starting_s or 0.0, _next_probe_s(case) if missing else 0.0) + probes_s
    if cause is not Cause.HUNG:
        return wait_s
    began_mono = now_mono if health.cause_mono is None else health.cause_mono
    return max(wait_s, began_mono + silence_allowed_s(health, target) - now_mono)


def _next_probe_s(case: GuardInput) -> float:
    """The earliest time of the next probe."""
    health, cadence = case.instance.health, case.target.cadence
    if health.last_at is None:
        return 0.0
    interval_s = cadence.fast_interval_s if health.failures else cadence.interval_s
    return max(0.0, health.last_at.mono + interval_s - case.at.mono)


def _next_try(lane: Lane, target: Target) -> tuple[int, int]:
    """Number of the next try in its lane, and the lane's number of tries."""
    settings = target.restart
    if lane.name is LaneName.FAST:
        return len(lane.spent) + 1, settings.budget
    if lane.name is LaneName.SLOW:
        return lane.slow_tries + 1, len(settings.slow_lane_s)
    return 0, 0


def _earliest(
    certain_in_s: float, guards: tuple[GuardExplanation, ...]
) -> tuple[float | None, Guard]:
    """The earliest time of the remedy, and the guard that decides it.

    None: the guard objects until something other than time lifts the objection.
    """
    objecting = [answer for answer in guards if answer.reason is not None]
    latest_s, held_by = certain_in_s, Guard.NONE
    for answer in objecting:
        if answer.lifts_in_s is None:
            return None, answer.guard
        if answer.lifts_in_s > latest_s:
            latest_s, held_by = answer.lifts_in_s, answer.guard
    return latest_s, held_by
