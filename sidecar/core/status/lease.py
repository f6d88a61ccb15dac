"""Rules of the lease: who acts, for how long, and without Redis in which order."""

from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.lease import LeaseStatus, OnLost
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

CALL_MARGIN_S = 10.0
"""Time of a call beyond the stop timeout: the engine's own work, and its answer."""


def call_s(stop_timeout_s: float) -> float:
    """The time after which a call to the engine has its effect, or never will."""
    return stop_timeout_s + CALL_MARGIN_S


def expected_call_s(action: Action, target: Target) -> float:
    """The longest call of a remedy that is not decided yet."""
    if action in {Action.START, Action.LOAD_WALLET}:
        return CALL_MARGIN_S
    return call_s(target.restart.stop_timeout_s)


def is_held(lease: LeaseStatus, now_mono: float) -> bool:
    """Do we hold the lease now?"""
    return lease.token > 0 and now_mono < lease.until_mono


def leads(lease: LeaseStatus | None, now_mono: float) -> bool:
    """Does this watchdog run the tasks? Without Redis the first in the order does."""
    if lease is None or is_held(lease, now_mono):
        return True
    return lease.settings.on_lost is OnLost.ACT and answers(lease, now_mono)


def answers(lease: LeaseStatus | None, now_mono: float) -> bool:
    """Does this watchdog answer load balancers? That restarts nothing.

    So without Redis the first in the order answers, whatever ``on_lost`` says.
    """
    if lease is None or is_held(lease, now_mono):
        return True
    return bool(lease.lost) and lease.rank <= 1


def must_skip_plans(lease: LeaseStatus, now_mono: float) -> bool:
    """Are planned restarts skipped? Without Redis, two would do them at once."""
    return bool(lease.lost) and lease.rank > 0 and not is_held(lease, now_mono)


def is_unsettled(lease: LeaseStatus | None, now_mono: float) -> bool:
    """Will it be known within seconds who acts: is the lease free, or new?"""
    if lease is None:
        return False
    if is_held(lease, now_mono):
        return now_mono < lease.act_from_mono
    return not lease.lost and not lease.holder


def find_objection(
    lease: LeaseStatus, failing_since_mono: float, longest_s: float, now_mono: float
) -> Reason:
    """Why this watchdog may not act now; NO_REASON: it may.

    Without Redis each watchdog has its own turn: the n-th of them waits n times for
    the lease and a call, so that the restart of the one before is seen by then.
    ``longest_s``: the time of one call.
    """
    if is_held(lease, now_mono):
        if now_mono < lease.act_from_mono:
            wait_s = lease.act_from_mono - now_mono
            return Reason.of(R.LEASE_NEW, wait_s=wait_s)
        return NO_REASON
    if lease.lost:
        return _find_objection_alone(lease, failing_since_mono, longest_s, now_mono)
    if lease.holder:
        return Reason.of(R.LEASE_ELSEWHERE, watchdog=lease.holder)
    return Reason.of(R.LEASE_FREE if lease.asked else R.LEASE_NOT_ASKED)


def _find_objection_alone(
    lease: LeaseStatus, failing_since_mono: float, longest_s: float, now_mono: float
) -> Reason:
    if lease.settings.on_lost is OnLost.HOLD:
        return Reason.of(R.LEASE_LOST_HOLD, said=lease.lost)
    since_mono = max(failing_since_mono, lease.since.mono)
    turn_s = lease.rank * (lease.settings.lease_s + longest_s)
    wait_s = since_mono + turn_s - now_mono
    if wait_s <= 0:
        return NO_REASON
    return Reason.of(R.LEASE_LOST_TURN, said=lease.lost, wait_s=wait_s)


def find_missing_votes(lease: LeaseStatus, name: str) -> Reason:
    """Why too few watchdogs see this target down; NO_REASON: enough do.

    A watchdog that is not alive has no vote: the last one acts on its own view.
    """
    alive = 1 + len(lease.views)
    needed = min(lease.settings.quorum, alive)
    count = 1 + sum(name in down for down in lease.views.values())
    if lease.lost or count >= needed:
        return NO_REASON
    return Reason.of(R.QUORUM_MISSING, count=count, total=alive, needed=needed)


def sign_decision(
    lease: LeaseStatus | None, decision: Decision, now_mono: float
) -> Decision:
    """The decision with the token of our lease; its reason says it, or why it has none.

    Without several watchdogs the decision is the same.
    """
    if lease is None:
        return decision
    why = decision.reason
    if not is_held(lease, now_mono):
        return replace(
            decision, reason=Reason.of(R.WITHOUT_LEASE, why=why, said=lease.lost)
        )
    reason = Reason.of(R.WITH_LEASE, why=why, token=lease.token)
    return replace(decision, reason=reason, lease_token=lease.token)
