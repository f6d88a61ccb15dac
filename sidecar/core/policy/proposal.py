"""A proposal: what should happen to an instance if no guard objects."""

from dataclasses import dataclass

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import RunId
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.current_cause import last_reason
from sidecar.core.status.streaks import is_gone


@dataclass(frozen=True, slots=True)
class Proposal:
    """The action to take if no guard objects; ``why`` begins its reason."""

    action: Action
    trigger: Trigger
    cause: Cause | None
    why: Reason
    guard: Guard = Guard.NONE
    forced: bool = False
    finishes: bool = False
    """It finishes a remedy that a dead predecessor began."""
    drained: bool = False
    """It ends a drain: by the restart, or without it."""
    settles: bool = False
    """It ends an earlier recreate, forward or back."""


def propose_page(cause: Cause, what: Reason) -> Proposal:
    """Propose a page, with the reason why no restart would help."""
    rule = CAUSES[cause]
    why = Reason.of(
        R.NO_RESTART_BUT, why=what, because=rule.why_not, advice=rule.advice
    )
    return Proposal(Action.PAGE, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)


def is_uninspected(instance: Instance) -> bool:
    """Were the processes of the current run not inspected yet?"""
    run_id: RunId | None = instance.container.run if instance.container else None
    return instance.looked != run_id


def describe_failure(instance: Instance) -> Reason:
    """Number of failed probes, the last reason, and the proof, if any."""
    health = instance.health
    count, last = health.failures, last_reason(instance)
    failures = Reason.of(R.FAILURES, count=count, reason=last)
    if is_gone(health):
        return Reason.of(R.PROCESS_GONE, why=failures)
    if health.frozen:
        return Reason.of(R.PROCESS_STOPPED, why=failures)
    return failures
