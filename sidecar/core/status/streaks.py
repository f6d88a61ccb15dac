"""Streaks and thresholds of the probe results of one run."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import BEYOND_REMEDIES, CAUSES
from sidecar.core.model.health import Health
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target

KEPT_WAITING_S = 3.0
"""An answer that takes longer had to wait: a free daemon takes milliseconds."""

SLOW_CALL_S = 20.0
"""A call that waits for a lost or slow upstream server takes 25 to 30 s."""


def add_result(
    health: Health,
    target: Target,
    outcome: ProbeResult,
    began_mono: float,
    at: Moment,
    *,
    starting: bool,
) -> Health:
    """Add one probe's outcome.

    One success clears a failure streak; a failure while ``starting`` does not
    count until the run's first success (kubelet and Docker count alike); an
    UNKNOWN changes no streak. A silence begins anew after an interval of UNKNOWN
    results.
    """
    if outcome.verdict is ProbeVerdict.UNKNOWN:
        blind_mono = began_mono if health.blind_mono is None else health.blind_mono
        return replace(health, blind=outcome, blind_mono=blind_mono)
    updated = replace(
        health,
        last=outcome,
        last_at=at,
        last_seconds=at.mono - began_mono,
        blind=None,
        blind_mono=None,
        has_answered=health.has_answered or is_answer(outcome),
        is_calm=_is_calm(health, outcome),
        held_mono=at.mono if outcome.waited_s >= KEPT_WAITING_S else health.held_mono,
        busy_mono=_busy_mono(health, outcome, at),
        serves=_count_serving(health, outcome),
        gone_mono=health.gone_mono if outcome.cause is Cause.REFUSED else None,
        hung=health.hung and _is_silence(outcome),
    )
    if outcome.verdict is ProbeVerdict.SUCCESS:
        return _add_success(updated, target, began_mono)
    if starting:
        return updated
    before, since_mono = health.cause, began_mono
    if _is_silence(outcome):
        silent_mono = min(began_mono, at.mono - outcome.waited_s)
        if _was_silent_meanwhile(health, silent_mono):
            since_mono = silent_mono
        else:
            before = None
    return apply_threshold(_add_failure(updated, before, since_mono), target, at.mono)


def is_answer(outcome: ProbeResult) -> bool:
    """Did the target give any answer, even an error?"""
    cause = outcome.cause
    return outcome.rpc_answers or (cause is not None and CAUSES[cause].proves_answer)


def _busy_mono(health: Health, outcome: ProbeResult, at: Moment) -> float | None:
    if outcome.waited_s < KEPT_WAITING_S:
        return None
    began_mono = at.mono - outcome.waited_s
    if health.busy_mono is not None and _was_silent_meanwhile(health, began_mono):
        return health.busy_mono
    return began_mono


def _is_silence(outcome: ProbeResult) -> bool:
    return outcome.cause is Cause.HUNG


def _was_silent_meanwhile(health: Health, silent_mono: float) -> bool:
    """Was the target silent during the UNKNOWN results, if there were any?

    A request that was open all the time proves it where the prober merely failed; it
    proves nothing where our network was lost or this host slept.
    """
    if health.blind is None or health.blind_mono is None:
        return True
    if health.blind.cause is not Cause.PROBER_FAILED:
        return False
    return silent_mono <= health.blind_mono


def _count_serving(health: Health, outcome: ProbeResult) -> int:
    """Count serving answers in a row; silence keeps the count, as for a busy daemon."""
    if is_serving(outcome):
        return health.serves + 1
    waits = outcome.cause in {Cause.HUNG, Cause.THREAD_HELD}
    return health.serves if waits else 0


def is_serving(outcome: ProbeResult) -> bool:
    """Does the result show no fault that a start or restart could cure?

    A wallet daemon whose upstream server is lost answers, with its wallet loaded.
    """
    if outcome.verdict is ProbeVerdict.SUCCESS:
        return True
    facts = outcome.wallet
    return outcome.cause in BEYOND_REMEDIES and facts is not None and bool(facts.loaded)


def _is_calm(health: Health, outcome: ProbeResult) -> bool:
    """Was the last answer quick, with a connected upstream server?"""
    if not outcome.rpc_answers:
        return health.is_calm
    if outcome.waited_s >= SLOW_CALL_S:
        return False
    if outcome.verdict is ProbeVerdict.SUCCESS:
        return True
    facts = outcome.wallet
    return facts is not None and bool(facts.connected and facts.server_height)


def _add_success(health: Health, target: Target, began_mono: float) -> Health:
    successes = health.successes + 1
    settled = successes >= target.cadence.success_threshold
    return replace(
        health,
        up=True if settled else health.up,
        successes=successes,
        failures=0,
        alike=0,
        beyond=0,
        first_failure_mono=None,
        cause_mono=None,
        last_success_mono=began_mono,
        ever_answered_well=True,
        frozen=False,
        may_return_until_mono=None,
    )


def _add_failure(health: Health, before: Cause | None, began_mono: float) -> Health:
    """Add a failure; ``before`` is the cause of the previous one."""
    updated = replace(health, failures=health.failures + 1, successes=0)
    first_mono, since_mono = health.first_failure_mono, health.cause_mono
    return replace(
        updated,
        alike=health.alike + 1 if _counts_as_same_failure(before, updated.cause) else 1,
        beyond=health.beyond + 1 if _is_beyond_remedies(updated.cause) else 0,
        first_failure_mono=began_mono if first_mono is None else first_mono,
        cause_mono=began_mono if before is not updated.cause else since_mono,
    )


def _counts_as_same_failure(before: Cause | None, cause: Cause | None) -> bool:
    """Do both need the same remedy? Silence is counted apart from other causes."""
    if before is None or cause is None:
        return False
    if (before is Cause.HUNG) is not (cause is Cause.HUNG):
        return False
    return CAUSES[before].remedy is CAUSES[cause].remedy


def _is_beyond_remedies(cause: Cause | None) -> bool:
    return cause is Cause.HUNG or (cause is not None and CAUSES[cause].remedy is None)


def apply_threshold(health: Health, target: Target, now_mono: float) -> Health:
    """Set the target down once its failure streak is certain."""
    if not is_certain(health, target, now_mono):
        return health
    hung = health.cause is Cause.HUNG
    if health.up is False and health.hung is hung:
        return health
    return replace(health, up=False, hung=hung)


def is_certain(health: Health, target: Target, now_mono: float) -> bool:
    """Is the failure streak long enough to be believed?

    The failures must be of one kind: a daemon without an upstream server that is
    silent for the first time is not yet hung. Silence must also last, and be
    observed to last: a wallet daemon's only thread may be held by a network call for
    up to 30 s, and in an outage such calls queue. A stopped process is certain at
    once; a lost process is certain once nothing can start it again by itself.
    """
    if health.failures == 0 or health.cause_mono is None:
        return False
    if is_gone(health):
        return True
    if health.cause is Cause.HUNG:
        if health.frozen:
            return True
        until_mono = now_mono if health.blind_mono is None else health.blind_mono
        if until_mono - health.cause_mono < silence_allowed_s(health, target):
            return False
    return counted_failures(health) >= target.cadence.failure_threshold


def counted_failures(health: Health) -> int:
    """Number of last failures that count towards the threshold."""
    if _is_beyond_remedies(health.cause) and health.cause is not Cause.HUNG:
        # A busy daemon alternates between silent, busy, and without its server.
        return max(health.alike, health.beyond)
    return health.alike


def is_gone(health: Health) -> bool:
    """Is it proven that the serving process has gone, and will not return?"""
    gone_mono, until_mono = health.gone_mono, health.may_return_until_mono
    if gone_mono is None or until_mono is None:
        return False
    return gone_mono >= until_mono


def may_return(health: Health, now_mono: float) -> bool:
    """May the lost process still be started again by its supervisor?"""
    until_mono = health.may_return_until_mono
    return until_mono is not None and now_mono < until_mono


def silence_allowed_s(health: Health, target: Target) -> float:
    """Minimum silence that is called a hang; longer unless the daemon was calm."""
    wallet = target.wallet
    if wallet is None or health.is_calm:
        return target.hang_after_s
    return max(target.hang_after_s, wallet.hang_after_outage_s)
