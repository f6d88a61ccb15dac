"""Whose turn it is where the settings do not say who needs whom.

A wallet daemon comes first: whatever fails with it may well need it. Otherwise who
failed first does.
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
from sidecar.core.status.dependencies import confirmation_s, is_failing

HEALTH_CHECK_S = 30.0
"""Docker's own interval between the health checks of a container."""


def failing_since_mono(instance: Instance) -> float:
    """Since when it fails, or does not run; infinite: it does neither."""
    since = instance.health.first_failure_mono
    since = instance.exited_mono if since is None else since
    return math.inf if since is None else since


def is_only_verified(instance: Instance) -> bool:
    """Is it only awaited whether it works, with nothing done to it?"""
    remedy = instance.remedy
    if instance.loading is not None:
        return False
    return remedy is not None and remedy.phase is RemedyPhase.VERIFYING


def gives_way(state: State, instance: Instance, other: Instance) -> bool:
    """Does the verification of ``other`` not hold a remedy of ``instance``?

    What labels alone made holds nothing that the settings name. A crash loop may go on
    for ever. And it cannot succeed where ``other`` fails because ``instance`` does.
    """
    if other.remedy is None or not is_only_verified(other):
        return False
    theirs = state.target_of(other)
    if state.target_of(instance).declared and not theirs.declared:
        return True
    return other.looping or _likely_fails_because_of(
        state, instance, other, other.remedy
    )


def _likely_fails_because_of(
    state: State, instance: Instance, other: Instance, remedy: Remedy
) -> bool:
    """Is it likely that ``other``, treated in vain so far, fails for ``instance``?"""
    mine, theirs = state.target_of(instance), state.target_of(other)
    if not may_give_way(state, mine, theirs) or current_cause(other) is None:
        return False
    if mine.wallet is not None and theirs.wallet is None:
        return _fails(instance)
    began = remedy.first_failure_mono
    began = remedy.began.mono if began is None else began
    return failing_since_mono(instance) < began + _noticed_within_s(mine)


def may_give_way(state: State, mine: Target, theirs: Target) -> bool:
    """Is ``theirs`` of a kind that gives way to ``mine``, when it is verified?"""
    if mine.declared is not theirs.declared:
        return mine.declared
    if is_related(state, mine, theirs):
        return False
    return theirs.wallet is None or mine.wallet is not None


def _noticed_within_s(target: Target) -> float:
    """How much later than it began a failure may be noticed."""
    check_s = HEALTH_CHECK_S if target.is_checked_natively else 0.0
    return target.cadence.interval_s + check_s


def _fails(instance: Instance) -> bool:
    return (
        failing_since_mono(instance) < math.inf or current_cause(instance) is not None
    )


def is_related(state: State, one: Target, other: Target) -> bool:
    """Do the settings say that one needs the other? Replicas of one are related."""
    if one.name == other.name:
        return True
    needs = state.topology.upstreams
    return other.name in needs.get(one.name, ()) or one.name in needs.get(
        other.name, ()
    )


def presumed_dependencies(state: State, name: str) -> Iterator[Instance]:
    """The wallet daemons that a target may need of which the settings say nothing."""
    for wallet in state.topology.presumed.get(name, ()):
        yield from state.replicas(wallet)


def presumed_dependents(state: State, name: str) -> Iterator[Instance]:
    """Whose presumed root the target is, if it is a wallet daemon."""
    for other, wallets in state.topology.presumed.items():
        if name in wallets:
            yield from state.replicas(other)


def wait_for_wallet(state: State, instance: Instance, at: Moment) -> Reason | None:
    """Why a failing target waits for its presumed roots; None: it does not.

    No longer than the answer of one may take.
    """
    first = instance.health.first_failure_mono
    if first is None:
        return None
    for root in presumed_dependencies(state, instance.id.target):
        wallet = state.target_of(root)
        if at.mono - first >= confirmation_s(wallet) or not container_run.is_running(
            root
        ):
            continue
        if _is_undecided(root, first, wallet.cadence.interval_s):
            return Reason.of(
                R.WALLET_FAILING, root=root.name, cause=str(root.health.cause)
            )
        if _has_still_to_answer(root, first):
            return Reason.of(R.WALLET_UNCONFIRMED, root=root.name)
    return None


def _is_undecided(root: Instance, first: float, interval_s: float) -> bool:
    """Does it fail since about the same time or before, and for what is not certain?"""
    if not is_failing(root) or root.health.up is False:
        return False
    return failing_since_mono(root) < first + interval_s


def _has_still_to_answer(root: Instance, first: float) -> bool:
    """Does it start, or did it work before this began and was not asked since?"""
    if root.state is TargetState.STARTING:
        return True
    answered = root.health.last_success_mono
    if root.state not in WORKING_STATES or is_failing(root) or answered is None:
        return False
    return answered < first and root.health.blind is None
