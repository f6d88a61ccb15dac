"""A proposal: what should happen to an instance if no guard objects."""

from dataclasses import dataclass

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import RunId
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.status.streaks import is_gone
from sidecar.core.status.target_status import (
    last_reason,
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The action that should follow if no guard objects; ``why`` begins its reason."""

    action: Action
    trigger: Trigger
    cause: Cause | None
    why: str
    guard: Guard = Guard.NONE
    forced: bool = False
    finishes: bool = False
    """It is the rest of a remedy that a dead predecessor began."""


def propose_page(cause: Cause, what: str) -> Proposal:
    """A call for a person, with the reason why no restart would help."""
    rule = CAUSES[cause]
    why = f"{what}; no restart, because {rule.why_not}; {rule.advice}"
    return Proposal(Action.PAGE, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)


def is_uninspected(instance: Instance) -> bool:
    """Were the processes of the present run not inspected yet?"""
    run_id: RunId | None = instance.container.run if instance.container else None
    return instance.looked != run_id


def describe_failure(instance: Instance) -> str:
    """How many probes have failed, the last one's reason, and what proves it."""
    health = instance.health
    proof = ", a process of it is stopped (state T)" if health.frozen else ""
    if is_gone(health):
        proof = ", the process that served has gone"
    return f"failure {health.failures}: {last_reason(instance)}{proof}"
