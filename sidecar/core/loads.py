"""When a load that failed is tried again: often at first, and soon after a change.

The wallet's file is not seen from here. What is seen is a new run of the daemon, other
settings, another list of loaded wallets than the one that our last load left, and
another reason why a load fails: each may mean that somebody has put it right.
"""

from dataclasses import replace

from sidecar.core import budget
from sidecar.core.event import ActResult
from sidecar.core.manner import is_free
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, Outcome
from sidecar.core.state import Instance
from sidecar.core.target import RestartSettings, Target


def lane_after(
    instance: Instance,
    settings: RestartSettings,
    result: ActResult,
    at: Moment,
    reason: str,
) -> budget.Lane:
    """The lane of its loads once one has ended, as far as the daemon is concerned."""
    lane, now = instance.load_lane, at.mono
    if result is ActResult.NOT_SENT and not budget.is_unsent_too_often(lane):
        return budget.unsent(lane, now)
    cost_s = _cost_s(instance, now)
    if _fails_otherwise(instance, result, reason):
        lane = budget.spend(budget.Lane(), now)
    return budget.load_failed(lane, settings, instance.id, now, cost_s)


def _fails_otherwise(instance: Instance, result: ActResult, reason: str) -> bool:
    known = instance.load_failure
    return result is ActResult.FAILED and bool(known) and known != reason


def _cost_s(instance: Instance, now: float) -> float:
    """What it took beyond a probe, which has as many calls; of a busy one: no idea."""
    decision = instance.loading
    if decision is None or not is_free(instance, decision.at.mono):
        return 0.0
    return max(0.0, now - decision.at.mono - instance.health.last_seconds)


def is_seen_since(instance: Instance) -> bool:
    """Has the daemon answered since the last load ended?"""
    health = instance.health
    if health.last_at is None:
        return False
    return health.last_at.mono - health.last_seconds >= instance.called_mono


def with_change(instance: Instance, outcome: Outcome) -> Instance:
    """Has somebody else loaded or closed a wallet? Then it is worth a try at once.

    ``instance`` is as it was before ``outcome``, which shows that one is missing.
    """
    last = instance.health.last
    before = last.wallet if last is not None else None
    if outcome.cause is not Cause.WALLET_NOT_LOADED or instance.loading is not None:
        return instance
    if before is None or outcome.wallet is None or not is_seen_since(instance):
        return instance
    same = before.paths == outcome.wallet.paths
    return instance if same else replace(instance, load_lane=budget.Lane())


def with_settings(instance: Instance, known: Target | None, target: Target) -> Instance:
    """Are its wallets, or their password, said otherwise now?"""
    if known is None or known.wallet == target.wallet:
        return instance
    return replace(instance, load_lane=budget.Lane())
