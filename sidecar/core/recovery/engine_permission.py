"""What the engine, or the filter in front of it, does not let us do."""

from dataclasses import replace

from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.model.instance import Instance, Refusal, Remedy
from sidecar.core.model.moment import Moment
from sidecar.core.status.container_run import has_stopped

AGAIN_S = 3600.0
"""How long an engine's refusal is believed: to be told no again helps nobody."""


def remember_refusal(
    instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Instance:
    """A refusal is remembered; what was sent was allowed."""
    if event.result is RemedyCallResult.NOT_SENT:
        return instance
    refusal = None
    if event.result is RemedyCallResult.REFUSED:
        finishes = remedy.uncertain and has_stopped(instance)
        action = Action.START if finishes else remedy.decision.action
        refusal = Refusal(action, event.at.mono, str(event.reason))
    return replace(instance, refusal=refusal)


def refusal_wait_s(refusal: Refusal, at: Moment) -> float:
    """How long it is not asked again."""
    return refusal.at_mono + AGAIN_S - at.mono
