"""What the engine, or the filter in front of it, does not let us do."""

from dataclasses import replace

from sidecar.core.decision import Action
from sidecar.core.event import ActResult, RemedyActed
from sidecar.core.moment import Moment
from sidecar.core.run import has_stopped
from sidecar.core.state import Instance, Refusal, Remedy

AGAIN_S = 3600.0
"""How long an engine's refusal is believed: to be told no again helps nobody."""


def remember_refusal(
    instance: Instance, remedy: Remedy, event: RemedyActed
) -> Instance:
    """A refusal is remembered; what was sent was allowed."""
    if event.result is ActResult.NOT_SENT:
        return instance
    refusal = None
    if event.result is ActResult.REFUSED:
        finishes = remedy.uncertain and has_stopped(instance)
        action = Action.START if finishes else remedy.decision.action
        refusal = Refusal(action, event.at.mono, event.reason)
    return replace(instance, refusal=refusal)


def wait_s(refusal: Refusal, at: Moment) -> float:
    """How long it is not asked again."""
    return refusal.at_mono + AGAIN_S - at.mono
