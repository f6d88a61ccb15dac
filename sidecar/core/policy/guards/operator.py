"""Guards of operators: their settings, pauses and modes."""

from sidecar.core.model.decision import Trigger
from sidecar.core.policy.guards.guard_input import (
    GuardInput,
)
from sidecar.core.text.formatting import (
    format_wait,
)


def opted_out(case: GuardInput) -> str | None:
    """The settings say that this target is only to be watched."""
    if case.target.restart.enabled or case.trigger is Trigger.OPERATOR:
        return None
    return "restarts are switched off for this target"


def paused(case: GuardInput) -> str | None:
    """A person asked for quiet."""
    until = case.state.paused.get(case.instance.id.target)
    if until is None or case.forced:
        return None
    if until == float("inf"):
        return "acting is paused until an operator resumes it"
    return f"acting is paused for another {format_wait(until - case.at.wall)}"


def observe(case: GuardInput) -> str | None:
    """Asked last, so that the other reasons are heard in observe mode too."""
    if case.state.mode_in_force == "act":
        return None
    other = case.state.engine.other
    if other and case.state.mode == "act":
        return (
            f"{other} is no supported engine, only observed: it would now {case.action}"
        )
    return f"observe mode: it would now {case.action}"
