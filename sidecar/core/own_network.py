"""Is it our own network that is lost, and not what is probed over it?

The engine may say that our container has left a network: the probe tells so itself.
Otherwise number tells: two or more targets that are lost at once, although they run.
What cannot be reached for that is not measured; nothing is known of it.
"""

from collections.abc import Iterator

from sidecar.core import run
from sidecar.core.health import Health
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, Outcome, Verdict, unknown
from sidecar.core.state import Instance, State
from sidecar.core.target import Target

AT_ONCE_S = 60.0
"""Targets that were lost within it, and an interval, were lost at once."""

LABELS_BELIEVED_S = 300.0
"""How long targets that labels alone made can make our own network suspect."""


def is_blind(health: Health) -> bool:
    """Was it not reached when last tried, for our own network's sake?"""
    return health.blind is not None and health.blind.cause is Cause.OWN_NETWORK


def lost_mono(instance: Instance) -> float | None:
    """Since when it cannot be reached though it runs; a stopped process explains it."""
    health = instance.health
    if health.frozen or not run.is_running(instance):
        return None
    if health.failures and health.last is not None and health.last.path_fault:
        return health.cause_mono
    return health.blind_mono if is_blind(health) else None


def lost_with(
    state: State, instance: Instance, lost: float, at: Moment
) -> Iterator[str]:
    """The targets that were lost with it, as far as they are to be believed."""
    target = state.target_of(instance)
    lasts = target.declared and at.mono - lost >= LABELS_BELIEVED_S
    for other in _others(state, target):
        is_believed = not lasts or state.target_of(other).declared
        if is_believed and _at_once(state, other, lost):
            yield other.id.target


def _others(state: State, target: Target) -> Iterator[Instance]:
    return (i for i in state.instances.values() if i.id.target != target.name)


def _at_once(state: State, other: Instance, lost: float) -> bool:
    since = lost_mono(other)
    interval_s = state.target_of(other).cadence.interval_s
    return since is not None and abs(since - lost) < AT_ONCE_S + interval_s


def excused(
    state: State, instance: Instance, outcome: Outcome, began_mono: float, at: Moment
) -> Outcome:
    """The outcome; where others were lost at once with it, that nothing is known."""
    if outcome.verdict is not Verdict.FAILURE or not outcome.path_fault:
        return outcome
    if instance.health.frozen or _is_to_be_looked_at(instance, outcome):
        return outcome
    lost = lost_mono(instance)
    since = began_mono if lost is None else lost
    if next(lost_with(state, instance, since, at), None) is None:
        return outcome
    why = (
        "it cannot be reached, and neither can others since the same time, although "
        "they run: our own network is suspect"
    )
    return unknown(Cause.OWN_NETWORK, why)


def _is_to_be_looked_at(instance: Instance, outcome: Outcome) -> bool:
    """A stopped process would explain silence; a first failure lets it be looked at."""
    container = instance.container
    run_id = container.run if container is not None else None
    return outcome.cause is Cause.HUNG and instance.looked != run_id


def is_unproven(state: State, instance: Instance, at: Moment) -> bool:
    """Is it out of reach, and no other target that could tell why was asked since?"""
    lost = lost_mono(instance)
    if lost is None or is_blind(instance.health):
        return False
    target = state.target_of(instance)
    if at.mono - lost >= AT_ONCE_S + target.cadence.interval_s:
        return False
    asked = [i for i in _others(state, target) if _is_asked_over_network(state, i)]
    return bool(asked) and not any(_has_answered_since(i, lost) for i in asked)


def _is_asked_over_network(state: State, other: Instance) -> bool:
    return state.target_of(other).is_asked_over_network and run.is_running(other)


def _has_answered_since(other: Instance, lost: float) -> bool:
    health = other.health
    if health.last is None or health.last_at is None or health.last.path_fault:
        return False
    return health.last_at.mono - health.last_seconds >= lost
