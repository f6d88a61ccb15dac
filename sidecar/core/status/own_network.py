"""Loss of our own network, as distinct from failures of targets.

The engine may report that our container has left a network: the probe result says so.
Otherwise the number of targets decides: two or more that are lost at once, although
they run, independent of each other, and while no other target answers.
The result of a target that is not reached for that reason is UNKNOWN.
"""

from collections.abc import Iterable, Iterator

from sidecar.core.model.cause import Cause
from sidecar.core.model.health import ReachLoss
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, probe_unknown
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import container_run

SIMULTANEOUS_S = 60.0
"""Losses within this time, plus an interval, are simultaneous."""

BELIEVED_S = 300.0
"""Limit of evidence by number alone, where the engine says we are on the network.

It also limits evidence from targets of labels alone for a declared target.
"""


def find_loss(instance: Instance) -> ReachLoss | None:
    """Network loss of a running target; None: no loss, or a stopped process."""
    health = instance.health
    if health.frozen or not container_run.is_running(instance):
        return None
    return health.loss if health.is_unreached else None


def record_loss(
    instance: Instance, outcome: ProbeResult, began_mono: float
) -> Instance:
    """Record that a probe, begun at ``began_mono``, did not reach the target.

    A loss that the engine proved does not continue as an unproven one.
    """
    is_proven = outcome.cause is Cause.OWN_NETWORK
    if not (is_proven or outcome.path_fault):
        return instance
    previous = find_loss(instance)
    goes_on = previous is not None and (is_proven or not previous.is_proven)
    loss = ReachLoss(
        previous.since_mono if previous is not None and goes_on else began_mono,
        outcome.cause is Cause.HUNG,
        outcome.shares_network,
        is_proven,
    )
    return replace(instance, health=replace(instance.health, loss=loss))


def targets_lost_with(
    state: State, instance: Instance, loss: ReachLoss, at: Moment
) -> Iterator[str]:
    """The targets that were lost together with it, as evidence of our own loss.

    None where another target answers; only for BELIEVED_S where the engine says that
    we are on its network.
    """
    target = state.target_of(instance)
    is_old = at.mono - loss.since_mono >= BELIEVED_S
    if is_old and loss.shares_network:
        return
    answers = _others(state.instances.reached_since(loss.since_mono), target)
    if any(_answers(state, other) for other in answers):
        return
    for other in _others(state.instances.unreached(), target):
        other_target = state.target_of(other)
        is_believed = not (is_old and target.declared) or other_target.declared
        if is_believed and _is_lost_too(state, loss, target, other):
            yield other.id.target


def _is_lost_too(
    state: State, loss: ReachLoss, target: Target, other: Instance
) -> bool:
    """Was it lost at once with the target, and not because of a shared root?"""
    other_target, other_loss = state.target_of(other), find_loss(other)
    if other_loss is None or not _began_together(loss, other_loss, other_target):
        return False
    shared = _with_dependencies(state, target.name) & _with_dependencies(
        state, other_target.name
    )
    # A hung daemon makes its dependents silent; it does not break their routes.
    explained = (
        target_loss.is_silent or name in shared
        for name, target_loss in ((target.name, loss), (other_target.name, other_loss))
    )
    return not (shared and all(explained))


def _with_dependencies(state: State, name: str) -> frozenset[str]:
    """The target and all its dependencies, declared or presumed."""
    needs, presumed = state.topology.upstreams, state.topology.presumed
    return frozenset((name, *needs.get(name, ()), *presumed.get(name, ())))


def _others(instances: Iterable[Instance], target: Target) -> Iterator[Instance]:
    return (i for i in instances if i.id.target != target.name)


def _began_together(loss: ReachLoss, other: ReachLoss, target: Target) -> bool:
    """Were both lost at once? ``target`` is that of the other loss."""
    apart_s = abs(other.since_mono - loss.since_mono)
    return apart_s < SIMULTANEOUS_S + target.cadence.interval_s


def excuse_result(
    state: State, instance: Instance, outcome: ProbeResult, at: Moment
) -> ProbeResult:
    """The outcome; UNKNOWN where other targets were lost at once with it."""
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
    """Is an inspection pending? A stopped process would explain the silence."""
    container = instance.container
    run_id = container.run if container is not None else None
    return outcome.cause is Cause.HUNG and instance.looked != run_id


def is_loss_unconfirmed(state: State, instance: Instance, at: Moment) -> bool:
    """Is it lost, and has no other probed target answered since?"""
    loss = find_loss(instance)
    if loss is None or instance.health.is_blind:
        return False
    target = state.target_of(instance)
    if at.mono - loss.since_mono >= SIMULTANEOUS_S + target.cadence.interval_s:
        return False
    asked = _others(state.instances.values(), target)
    if not any(_is_asked_over_network(state, other) for other in asked):
        return False
    answers = _others(state.instances.reached_since(loss.since_mono), target)
    return not any(_is_asked_over_network(state, other) for other in answers)


def _answers(state: State, other: Instance) -> bool:
    """Is it, which was reached, asked over a network, and not lost since?"""
    return find_loss(other) is None and _is_asked_over_network(state, other)


def _is_asked_over_network(state: State, other: Instance) -> bool:
    return state.target_of(other).is_asked_over_network and container_run.is_running(
        other
    )
