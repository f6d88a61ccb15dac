"""Actions that the engine, or the filter in front of it, refuses."""

from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.model.instance import Instance, Refusal, Remedy
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.status.container_run import has_stopped

REFUSAL_LASTS_S = 3600.0
"""Time for which an engine's refusal holds before the action is requested again."""


def remember_refusal(
    instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Instance:
    """Remember a refusal; forget it once the engine has allowed an action.

    A refused recreate is not asked for again in its incident; the end of an earlier one
    is.
    """
    if event.result is RemedyCallResult.NOT_SENT:
        return instance
    is_refused = event.result is RemedyCallResult.REFUSED
    if is_refused and is_recreate(remedy) and not event.settled:
        return instance
    refusal = None
    if is_refused:
        finishes = remedy.uncertain and has_stopped(instance) and not event.settled
        action = Action.START if finishes else remedy.decision.action
        action = Action.RECREATE if event.settled else action
        refusal = Refusal(action, event.at.mono, str(event.reason))
    return replace(instance, refusal=refusal)


def is_recreate(remedy: Remedy) -> bool:
    """Does the remedy replace the container by an equal one?"""
    return remedy.decision.action is Action.RECREATE


def refusal_wait_s(refusal: Refusal, at: Moment) -> float:
    """Seconds until the engine may be asked again."""
    return refusal.at_mono + REFUSAL_LASTS_S - at.mono
