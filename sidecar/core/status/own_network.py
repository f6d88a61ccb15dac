"""Is it our own network that is lost, and not what is probed over it?

The engine may say that our container has left a network: the probe tells so itself.
Otherwise number tells: two or more targets that are lost at once, although they run,
none for the other's sake, and while no other target answers.
What cannot be reached for that is not measured; nothing is known of it.
"""

from collections.abc import Iterator
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.health import Health, ReachLoss
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, probe_unknown
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import container_run

AT_ONCE_S = 60.0
"""Targets that were lost within it, and an interval, were lost at once."""

BELIEVED_S = 300.0
"""How long number alone is believed where the engine says that we are on the network.

And how long targets that labels alone made can make it suspect for one of the file.
"""


def is_blind(health: Health) -> bool:
    """Was it not reached when last tried, for our own network's sake?"""
    return health.blind is not None and health.blind.cause is Cause.OWN_NETWORK


def loss_of(instance: Instance) -> ReachLoss | None:
    """That it cannot be reached though it runs; a stopped process explains it."""
    health = instance.health
    if health.frozen or not container_run.is_running(instance):
        return None
    last = health.last
    is_failing = health.failures > 0 and last is not None and last.path_fault
    return health.loss if is_failing or is_blind(health) else None


def note_loss(instance: Instance, outcome: ProbeResult, began_mono: float) -> Instance:
    """Note that a probe, begun then, did not reach it, before it is excused.

    What the engine proved of our own network says nothing of what is lost after that.
    """
    is_proven = outcome.cause is Cause.OWN_NETWORK
    if not (is_proven or outcome.path_fault):
        return instance
    known = loss_of(instance)
    goes_on = known is not None and (is_proven or not known.is_proven)
    loss = ReachLoss(
        known.since_mono if known is not None and goes_on else began_mono,
        outcome.cause is Cause.HUNG,
        outcome.shares_network,
        is_proven,
    )
    return replace(instance, health=replace(instance.health, loss=loss))


def targets_lost_with(
    state: State, instance: Instance, loss: ReachLoss, at: Moment
) -> Iterator[str]:
    """The targets that were lost with it, as far as they are to be believed.

    None where another answers, and none for ever where we are on its network.
    """
    target = state.target_of(instance)
    is_old = at.mono - loss.since_mono >= BELIEVED_S
    others = tuple(_other_instances(state, target))
    if is_old and loss.shares_network:
        return
    if any(_answers_since(state, other, loss.since_mono) for other in others):
        return
    for other in others:
        theirs = state.target_of(other)
        is_believed = not (is_old and target.declared) or theirs.declared
        if is_believed and _is_lost_too(state, loss, target, other):
            yield other.id.target


def _is_lost_too(
    state: State, loss: ReachLoss, target: Target, other: Instance
) -> bool:
    """Was it lost at once with the target, and not for the same root's sake?"""
    theirs, its = state.target_of(other), loss_of(other)
    if its is None or not _began_together(loss, its, theirs):
        return False
    shared = _with_dependencies(state, target.name) & _with_dependencies(
        state, theirs.name
    )
    # A daemon that hangs fills up who waits for it; it takes nobody's route away.
    explained = (
        has.is_silent or name in shared
        for name, has in ((target.name, loss), (theirs.name, its))
    )
    return not (shared and all(explained))


def _with_dependencies(state: State, name: str) -> frozenset[str]:
    """The target and everything that it needs, by the settings or presumably."""
    needs, presumed = state.topology.upstreams, state.topology.presumed
    return frozenset((name, *needs.get(name, ()), *presumed.get(name, ())))


def _other_instances(state: State, target: Target) -> Iterator[Instance]:
    return (i for i in state.instances.values() if i.id.target != target.name)


def _began_together(loss: ReachLoss, other: ReachLoss, target: Target) -> bool:
    """Were both lost at once? ``target`` is the other's."""
    apart_s = abs(other.since_mono - loss.since_mono)
    return apart_s < AT_ONCE_S + target.cadence.interval_s


def excuse_result(
    state: State, instance: Instance, outcome: ProbeResult, at: Moment
) -> ProbeResult:
    """The outcome; where others were lost at once with it, that nothing is known."""
    health = instance.health
    if outcome.verdict is not ProbeVerdict.FAILURE or not outcome.path_fault:
        return outcome
    if health.frozen or _needs_inspection(instance, outcome):
        return outcome
    others = targets_lost_with(state, instance, health.loss, at) if health.loss else ()
    if not any(others):
        return outcome
    why = Reason.of(R.OWN_NETWORK_SUSPECT)
    return probe_unknown(Cause.OWN_NETWORK, why)


def _needs_inspection(instance: Instance, outcome: ProbeResult) -> bool:
    """A stopped process would explain silence; a first failure lets it be looked at."""
    container = instance.container
    run_id = container.run if container is not None else None
    return outcome.cause is Cause.HUNG and instance.looked != run_id


def is_unconfirmed(state: State, instance: Instance, at: Moment) -> bool:
    """Is it out of reach, and no other target that could tell why was asked since?"""
    loss = loss_of(instance)
    if loss is None or is_blind(instance.health):
        return False
    target = state.target_of(instance)
    if at.mono - loss.since_mono >= AT_ONCE_S + target.cadence.interval_s:
        return False
    asked = [
        i for i in _other_instances(state, target) if _is_asked_over_network(state, i)
    ]
    return bool(asked) and not any(_has_answered(i, loss.since_mono) for i in asked)


def _answers_since(state: State, other: Instance, since_mono: float) -> bool:
    """Did it answer over a network since, and was not lost after that?"""
    if loss_of(other) is not None or not _is_asked_over_network(state, other):
        return False
    return _has_answered(other, since_mono)


def _is_asked_over_network(state: State, other: Instance) -> bool:
    return state.target_of(other).is_asked_over_network and container_run.is_running(
        other
    )


def _has_answered(other: Instance, since_mono: float) -> bool:
    """Silence is no answer: its connection may be older than the loss."""
    health = other.health
    if health.last is None or health.last_at is None or health.last.path_fault:
        return False
    if health.last.cause is Cause.HUNG:
        return False
    return health.last_at.mono - health.last_seconds >= since_mono
