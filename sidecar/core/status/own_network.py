"""Loss of our own network, as distinct from failures of targets.

The engine may report that our container has left a network: the probe result says so.
Otherwise the number of targets decides: two or more that are lost at once, although
they run, independent of each other, and while no other target answers.
The result of a target that is not reached for that reason is UNKNOWN.
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

SIMULTANEOUS_S = 60.0
"""Losses within this time, plus an interval, are simultaneous."""

BELIEVED_S = 300.0
"""Limit of evidence by number alone, where the engine says we are on the network.

It also limits evidence from targets of labels alone for a declared target.
"""


def is_blind(health: Health) -> bool:
    """Was the last probe result UNKNOWN because of our own network?"""
    return health.blind is not None and health.blind.cause is Cause.OWN_NETWORK


def find_loss(instance: Instance) -> ReachLoss | None:
    """Network loss of a running target; None: no loss, or a stopped process."""
    health = instance.health
    if health.frozen or not container_run.is_running(instance):
        return None
    last = health.last
    is_failing = health.failures > 0 and last is not None and last.path_fault
    return health.loss if is_failing or is_blind(health) else None


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
    others = tuple(_other_instances(state, target))
    if is_old and loss.shares_network:
        return
    if any(_answers_since(state, other, loss.since_mono) for other in others):
        return
    for other in others:
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


def _other_instances(state: State, target: Target) -> Iterator[Instance]:
    return (i for i in state.instances.values() if i.id.target != target.name)


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
    if loss is None or is_blind(instance.health):
        return False
    target = state.target_of(instance)
    if at.mono - loss.since_mono >= SIMULTANEOUS_S + target.cadence.interval_s:
        return False
    asked = [
        i for i in _other_instances(state, target) if _is_asked_over_network(state, i)
    ]
    return bool(asked) and not any(_has_answered(i, loss.since_mono) for i in asked)


def _answers_since(state: State, other: Instance, since_mono: float) -> bool:
    """Did it answer over a network since then, without a later loss?"""
    if find_loss(other) is not None or not _is_asked_over_network(state, other):
        return False
    return _has_answered(other, since_mono)


def _is_asked_over_network(state: State, other: Instance) -> bool:
    return state.target_of(other).is_asked_over_network and container_run.is_running(
        other
    )


def _has_answered(other: Instance, since_mono: float) -> bool:
    """Was it reached since then? Not by silence: its connection may be older."""
    health = other.health
    if health.last is None or health.last_at is None or health.last.path_fault:
        return False
    if health.last.cause is Cause.HUNG:
        return False
    return health.last_at.mono - health.last_seconds >= since_mono
