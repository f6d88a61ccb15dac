"""Streaks, thresholds and the start period of one run of a target."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from sidecar.core.moment import Moment
from sidecar.core.outcome import (
    BEYOND_REMEDIES,
    CAUSES,
    Cause,
    Outcome,
    Verdict,
)
from sidecar.core.target import Target

HELD_S = 3.0
"""An answer that takes longer was kept waiting: a free daemon takes milliseconds."""

_ANSWERS = frozenset({Cause.AUTH, Cause.MISCONFIGURED, Cause.BAD_BODY, Cause.HTTP_5XX})

SLOW_CALL_S = 20.0
"""A call that waits for a lost or slow upstream server takes 25 to 30 s."""


class Loss(NamedTuple):
    """That it cannot be reached: since when, and what the last probe said of it.

    ``is_proven``: the engine says that our own container has left the network.
    """

    since_mono: float
    is_silent: bool = False
    shares_network: bool = False
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes of the present run add up to.

    ``up`` changes only at a threshold; None: not decided yet in this run.
    ``*_mono`` are the moments at which the probe in question was sent.
    ``alike``: so many of the failures, up to the last, call for the same cure;
    ``cause_mono``: since when they have had the last one's cause. ``beyond``: so many
    of them, up to the last, are silence or call for no cure of ours.
    ``hung``: the present silence is certain.
    ``frozen``: a process of the target was seen stopped (state T).
    ``gone_mono``: when the last look was asked for, if it found the process that served
    gone and nothing in its place. ``may_return_until_mono``: so long what was left of
    it, or took its place, has to answer; None: it was not seen gone in this streak.
    ``is_calm``: when it last answered, it did so soon and had its upstream server, so
    that no call of others can hold it for long. ``held_mono``: when a probe last found
    that it had to wait, and ``busy_mono`` since when each of them has found that.
    ``has_answered``: anything at all, in this run.
    ``serves``: so many answers say that all works that a remedy can mend, with nothing
    but silence between them.
    ``blind``: the last UNKNOWN, and ``blind_mono`` when they began, while
    nothing has been learnt since. ``loss``: the last one; it may be over.
    """

    up: bool | None = None
    failures: int = 0
    alike: int = 0
    beyond: int = 0
    hung: bool = False
    successes: int = 0
    ever_answered_well: bool = False
    first_failure_mono: float | None = None
    cause_mono: float | None = None
    last_success_mono: float | None = None
    last: Outcome | None = None
    last_at: Moment | None = None
    last_seconds: float = 0.0
    frozen: bool = False
    gone_mono: float | None = None
    may_return_until_mono: float | None = None
    has_answered: bool = False
    is_calm: bool = False
    held_mono: float | None = None
    busy_mono: float | None = None
    serves: int = 0
    blind: Outcome | None = None
    blind_mono: float | None = None
    loss: Loss | None = None

    @property
    def cause(self) -> Cause | None:
        """Why the present streak of failures is one."""
        if self.failures and self.last is not None:
            return self.last.cause
        return None


def observe(
    health: Health,
    target: Target,
    outcome: Outcome,
    began_mono: float,
    at: Moment,
    *,
    starting: bool,
) -> Health:
    """Add one probe's outcome.

    One success clears a failure streak; a failure while ``starting`` does not
    count until the run's first success (kubelet and Docker count alike); an
    UNKNOWN changes no streak. A silence begins anew after time of which nothing is
    known.
    """
    if outcome.verdict is Verdict.UNKNOWN:
        since = began_mono if health.blind_mono is None else health.blind_mono
        return replace(health, blind=outcome, blind_mono=since)
    seen = replace(
        health,
        last=outcome,
        last_at=at,
        last_seconds=at.mono - began_mono,
        blind=None,
        blind_mono=None,
        has_answered=health.has_answered or is_answer(outcome),
        is_calm=_is_calm(health, outcome),
        held_mono=at.mono if outcome.waited_s >= HELD_S else health.held_mono,
        busy_mono=_busy_mono(health, outcome, at),
        serves=_serves(health, outcome),
        gone_mono=health.gone_mono if outcome.cause is Cause.REFUSED else None,
        hung=health.hung and _is_silence(outcome),
    )
    if outcome.verdict is Verdict.SUCCESS:
        return _succeeded(seen, target, began_mono)
    if starting:
        return seen
    before, since_mono = health.cause, began_mono
    if _is_silence(outcome):
        silent_mono = min(began_mono, at.mono - outcome.waited_s)
        if _was_silent_meanwhile(health, silent_mono):
            since_mono = silent_mono
        else:
            before = None
    return settle(_failed(seen, before, since_mono), target, at.mono)


def is_answer(outcome: Outcome) -> bool:
    """Did it answer, be it that it did not understand?"""
    return outcome.rpc_answers or outcome.cause in _ANSWERS


def _busy_mono(health: Health, outcome: Outcome, at: Moment) -> float | None:
    if outcome.waited_s < HELD_S:
        return None
    began_mono = at.mono - outcome.waited_s
    if health.busy_mono is not None and _was_silent_meanwhile(health, began_mono):
        return health.busy_mono
    return began_mono


def _is_silence(outcome: Outcome) -> bool:
    return outcome.cause is Cause.HUNG


def _was_silent_meanwhile(health: Health, silent_mono: float) -> bool:
    """Is it known that it was silent while nothing was learnt, if that was so?

    A request that was open all the time shows it where a probe merely failed; it
    shows nothing where our network was lost or this host slept.
    """
    if health.blind is None or health.blind_mono is None:
        return True
    if health.blind.cause is not Cause.PROBER_FAILED:
        return False
    return silent_mono <= health.blind_mono


def _serves(health: Health, outcome: Outcome) -> int:
    """Silence leaves what was answered: the daemon is likely busy."""
    if is_serving(outcome):
        return health.serves + 1
    waits = outcome.cause in {Cause.HUNG, Cause.THREAD_HELD}
    return health.serves if waits else 0


def is_serving(outcome: Outcome) -> bool:
    """Does all work that a start or restart could mend?

    A wallet daemon whose upstream server is lost answers, with its wallet loaded.
    """
    if outcome.verdict is Verdict.SUCCESS:
        return True
    facts = outcome.wallet
    return outcome.cause in BEYOND_REMEDIES and facts is not None and bool(facts.loaded)


def _is_calm(health: Health, outcome: Outcome) -> bool:
    """Silence and refusals leave what the last answer said."""
    if not outcome.rpc_answers:
        return health.is_calm
    if outcome.waited_s >= SLOW_CALL_S:
        return False
    if outcome.verdict is Verdict.SUCCESS:
        return True
    facts = outcome.wallet
    return facts is not None and bool(facts.connected and facts.server_height)


def _succeeded(health: Health, target: Target, began_mono: float) -> Health:
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


def _failed(health: Health, before: Cause | None, began_mono: float) -> Health:
    """One more failure; ``before`` is the cause of the one before it."""
    failed = replace(health, failures=health.failures + 1, successes=0)
    first, since = health.first_failure_mono, health.cause_mono
    return replace(
        failed,
        alike=health.alike + 1 if _alike(before, failed.cause) else 1,
        beyond=health.beyond + 1 if _is_beyond(failed.cause) else 0,
        first_failure_mono=began_mono if first is None else first,
        cause_mono=began_mono if before is not failed.cause else since,
    )


def _alike(before: Cause | None, cause: Cause | None) -> bool:
    """Silence is counted apart: a connection that breaks in a jam ends no waiting."""
    if before is None or cause is None:
        return False
    if (before is Cause.HUNG) is not (cause is Cause.HUNG):
        return False
    return CAUSES[before].cure is CAUSES[cause].cure


def _is_beyond(cause: Cause | None) -> bool:
    return cause is Cause.HUNG or (cause is not None and CAUSES[cause].cure is None)


def settle(health: Health, target: Target, now_mono: float) -> Health:
    """Call the target down once its failure streak is certain."""
    if not is_certain(health, target, now_mono):
        return health
    return replace(health, up=False, hung=health.cause is Cause.HUNG)


def is_certain(health: Health, target: Target, now_mono: float) -> bool:
    """Is the failure streak long enough to be believed?

    The failures must be of one kind: a daemon that long had no upstream and is
    silent for the first time is not yet hung. Silence must also last, and be
    seen to last: a wallet
    daemon's only thread is legitimately held by a network call for up to 30 s, and
    in an outage such calls queue. A stopped process is certain at once, and one that
    has gone as soon as nothing can be about to start it again.
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
    threshold = target.cadence.failure_threshold
    if _is_beyond(health.cause) and health.cause is not Cause.HUNG:
        # A busy daemon is silent, busy, or without its server by turns.
        return max(health.alike, health.beyond) >= threshold
    return health.alike >= threshold


def is_gone(health: Health) -> bool:
    """Is it proven that the process that served has gone, and will not return?"""
    seen_mono, until_mono = health.gone_mono, health.may_return_until_mono
    if seen_mono is None or until_mono is None:
        return False
    return seen_mono >= until_mono


def may_return(health: Health, now_mono: float) -> bool:
    """Is what was seen gone given time to be started again, by what is left of it?"""
    until_mono = health.may_return_until_mono
    return until_mono is not None and now_mono < until_mono


def silence_allowed_s(health: Health, target: Target) -> float:
    """How long a silence must last to be called a hang, by what is known."""
    wallet = target.wallet
    if wallet is None or health.is_calm:
        return target.hang_after_s
    return max(target.hang_after_s, wallet.hang_after_outage_s)
