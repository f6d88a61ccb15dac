"""Retries of a load that failed: frequent at first, and soon after a change.

Sidecar cannot see the wallet's file. It sees a new run of the daemon, other settings,
another list of loaded wallets than after its last load, and another reason why a load
fails: each may mean that somebody has repaired it.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import RestartSettings, Target
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import retry_budget
from sidecar.core.recovery.polite_stop import is_free


def lane_after_load(
    instance: Instance,
    settings: RestartSettings,
    result: RemedyCallResult,
    at: Moment,
    reason: Reason,
) -> Lane:
    """Lane of the instance's loads, after the result of one load."""
    lane, now = instance.load_lane, at.mono
    if result is RemedyCallResult.NOT_SENT and not retry_budget.is_unsent_too_often(
        lane
    ):
        return retry_budget.revert_try(lane, now)
    cost_s = _cost_s(instance, now)
    if _has_other_failure(instance, result, reason):
        lane = retry_budget.count_try(Lane(), now)
    return retry_budget.note_failed_load(lane, settings, instance.id, now, cost_s)


def _has_other_failure(
    instance: Instance, result: RemedyCallResult, reason: Reason
) -> bool:
    last_failure = instance.load_failure
    return (
        result is RemedyCallResult.FAILED
        and bool(last_failure)
        and last_failure != reason
    )


def _cost_s(instance: Instance, now: float) -> float:
    """Seconds that the load took beyond a probe; 0: not known of a busy daemon."""
    decision = instance.loading
    if decision is None or not is_free(instance, decision.at.mono):
        return 0.0
    return max(0.0, now - decision.at.mono - instance.health.last_seconds)


def is_probed_since_load(instance: Instance) -> bool:
    """Has the daemon answered since the last load ended?"""
    health = instance.health
    if health.last_at is None:
        return False
    return health.last_at.mono - health.last_seconds >= instance.called_mono


def note_file_change(instance: Instance, outcome: ProbeResult) -> Instance:
    """Allow a load at once where somebody else has loaded or closed a wallet.

    ``instance`` is as it was before ``outcome``, which shows that a wallet is missing.
    """
    last = instance.health.last
    before = last.wallet if last is not None else None
    if outcome.cause is not Cause.WALLET_NOT_LOADED or instance.loading is not None:
        return instance
    if before is None or outcome.wallet is None or not is_probed_since_load(instance):
        return instance
    same = before.paths == outcome.wallet.paths
    return instance if same else replace(instance, load_lane=Lane())


def note_settings_change(
    instance: Instance, old_target: Target | None, target: Target
) -> Instance:
    """Allow a load at once where the settings of its wallets have changed."""
    if old_target is None or old_target.wallet == target.wallet:
        return instance
    return replace(instance, load_lane=Lane())
