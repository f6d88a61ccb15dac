"""Order of remedies between targets without a declared dependency.

A wallet daemon comes first, because targets that fail with it may need it. Otherwise
the target that failed first comes first.
"""

import math
from collections.abc import Iterator

from sidecar.core.model.instance import Instance, Remedy, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import container_run
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.dependencies import (
    awaited_since_mono,
    confirmation_s,
    has_answered_since_failure,
    is_failing,
)

HEALTH_CHECK_S = 30.0
"""Docker's own interval between the health checks of a container."""


def failing_since_mono(instance: Instance) -> float:
    """Begin of its failure or exit; infinite: neither."""
    since_mono = instance.health.first_failure_mono
    since_mono = instance.exited_mono if since_mono is None else since_mono
    return math.inf if since_mono is None else since_mono


def is_only_verified(instance: Instance) -> bool:
    """Is its remedy only being verified, with no action in progress?"""
    remedy = instance.remedy
    if instance.loading is not None:
        return False
    return remedy is not None and remedy.phase is RemedyPhase.VERIFYING


def gives_way(state: State, instance: Instance, other: Instance) -> bool:
    """Does the verification of ``other`` permit a remedy of ``instance``?

    It does if ``other`` is from labels alone and ``instance`` is declared, if ``other``
    is in a crash loop, which may last for ever, or if ``other`` likely fails because of
    ``instance``, so that its verification cannot succeed.
    """
    if other.remedy is None or not is_only_verified(other):
        return False
    other_target = state.target_of(other)
    if state.target_of(instance).declared and not other_target.declared:
        return True
    return other.looping or _likely_fails_because_of(
        state, instance, other, other.remedy
    )


def _likely_fails_because_of(
    state: State, instance: Instance, other: Instance, remedy: Remedy
) -> bool:
    """Does ``other`` likely still fail because of ``instance``?"""
    target, other_target = state.target_of(instance), state.target_of(other)
    if not may_give_way(state, target, other_target) or current_cause(other) is None:
        return False
    if target.wallet is not None and other_target.wallet is None:
        return _has_failure(instance)
    began_mono = remedy.first_failure_mono
    began_mono = remedy.began.mono if began_mono is None else began_mono
    return failing_since_mono(instance) < began_mono + _detection_delay_s(target)


def may_give_way(state: State, target: Target, other_target: Target) -> bool:
    """May a verification of ``other_target`` give way to a remedy of ``target``?"""
    if target.declared is not other_target.declared:
        return target.declared
    if is_related(state, target, other_target):
        return False
    return other_target.wallet is None or target.wallet is not None


def _detection_delay_s(target: Target) -> float:
    """Maximum delay between the begin and the detection of a failure."""
    check_s = HEALTH_CHECK_S if target.is_checked_natively else 0.0
    return target.cadence.interval_s + check_s


def _has_failure(instance: Instance) -> bool:
    return (
        failing_since_mono(instance) < math.inf or current_cause(instance) is not None
    )


def is_related(state: State, target: Target, other: Target) -> bool:
    """Is either a declared dependency of the other, or are both replicas of one?"""
    if target.name == other.name:
        return True
    needs = state.topology.upstreams
    return other.name in needs.get(target.name, ()) or target.name in needs.get(
        other.name, ()
    )


def presumed_dependencies(state: State, name: str) -> Iterator[Instance]:
    """Instances of the wallet daemons that are presumed dependencies of a target."""
    for wallet in state.topology.presumed.get(name, ()):
        yield from state.replicas(wallet)


def presumed_dependents(state: State, name: str) -> Iterator[Instance]:
    """Instances of the targets with ``name`` as a presumed dependency."""
    if state.targets[name].wallet is None:
        return
    for other, wallets in state.topology.presumed.items():
        if name in wallets:
            yield from state.replicas(other)


def wait_for_wallet(state: State, instance: Instance, at: Moment) -> Reason | None:
    """Reason of a failing target to wait for its presumed roots; None: no wait.

    It waits no longer than the answer of a root may take.
    """
    first_mono = instance.health.first_failure_mono
    awaited_mono = awaited_since_mono(instance)
    if first_mono is None or awaited_mono is None:
        return None
    for root in presumed_dependencies(state, instance.id.target):
        wallet = state.target_of(root)
        if at.mono - awaited_mono >= confirmation_s(
            wallet
        ) or not container_run.is_running(root):
            continue
        if _is_undecided(root, first_mono, wallet.cadence.interval_s):
            return Reason.of(
                R.WALLET_FAILING, root=root.name, cause=str(root.health.cause)
            )
        if _has_still_to_answer(root, instance):
            return Reason.of(R.WALLET_UNCONFIRMED, root=root.name)
    return None


def _is_undecided(root: Instance, first_mono: float, interval_s: float) -> bool:
    """Does the root fail since the same time or earlier, and not for certain yet?"""
    if not is_failing(root) or root.health.up is False:
        return False
    return failing_since_mono(root) < first_mono + interval_s


def _has_still_to_answer(root: Instance, instance: Instance) -> bool:
    """Does the root start, or work without an answer that is new enough?"""
    health = root.health
    if root.state is TargetState.STARTING:
        return True
    if root.state not in WORKING_STATES or is_failing(root):
        return False
    if health.last_success_mono is None or health.blind is not None:
        return False
    return not has_answered_since_failure(root, instance)
