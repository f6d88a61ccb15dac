"""The lease as one watchdog sees it: how each answer of Redis changes what it knows.

All times are of its own monotonic clock, and a lease is counted from the moment when
its request was sent: so a watchdog gives it up before Redis does. Redis counts by the
wall clock of its host. Where that clock was set forward, or Redis has lost its data,
the lease of another watchdog may have ended too early; then a new holder waits until
every call of the former holder must have ended.
"""

from dataclasses import replace
from typing import NamedTuple

from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.moment import Moment

CLOCK_STEP_S = 1.0
"""A larger change of Redis's clock against our own is a step of it."""


class LeaseAnswer(NamedTuple):
    """Redis's answer to a request for the lease.

    ``token``: of the lease that is held now, by whomever; 0: nobody holds it.
    ``holder``: the other watchdog; "": it is ours, or nobody's. ``redis_wall``: the
    time of Redis's clock. ``is_fresh``: Redis did not know the last token.
    """

    token: int
    holder: str
    redis_wall: float
    is_fresh: bool = False


def on_acquired(
    status: LeaseStatus,
    answer: LeaseAnswer,
    sent_mono: float,
    now: Moment,
    longest_call_s: float,
) -> LeaseStatus:
    """We hold the lease from now on, with a new token."""
    had_it = status.token > 0 and status.until_mono > now.mono
    is_doubtful = answer.is_fresh or _has_stepped(status, answer, now)
    act_from_mono = status.act_from_mono
    if is_doubtful and not had_it:
        act_from_mono = now.mono + max(status.settings.lease_s, longest_call_s)
    return replace(
        _answered(status, answer, now),
        token=answer.token,
        until_mono=sent_mono + status.settings.lease_s,
        act_from_mono=act_from_mono,
        holder="",
        since=now,
    )


def on_renewed(
    status: LeaseStatus, answer: LeaseAnswer, until_mono: float, now: Moment
) -> LeaseStatus:
    """Our lease goes on until ``until_mono``, counted from when we asked."""
    return replace(_answered(status, answer, now), until_mono=until_mono)


def on_not_held(status: LeaseStatus, answer: LeaseAnswer, now: Moment) -> LeaseStatus:
    """We do not hold the lease: another watchdog does, or nobody."""
    answered = _answered(status, answer, now)
    if not status.token and status.holder == answer.holder:
        return answered
    return replace(answered, token=0, until_mono=0.0, holder=answer.holder, since=now)


def on_lost(status: LeaseStatus, why: str, now: Moment) -> LeaseStatus:
    """Redis does not answer. A lease that we hold is valid until it ends."""
    since = status.since if status.lost else now
    return replace(status, lost=why, since=since)


def _answered(status: LeaseStatus, answer: LeaseAnswer, now: Moment) -> LeaseStatus:
    return replace(
        status,
        lost="",
        asked=True,
        since=now if status.lost or not status.asked else status.since,
        highest_token=max(status.highest_token, answer.token),
        ahead_s=answer.redis_wall - now.mono,
    )


def _has_stepped(status: LeaseStatus, answer: LeaseAnswer, now: Moment) -> bool:
    """Was Redis's clock set forward since its last answer, or is that not known?"""
    if status.ahead_s is None:
        return False
    return answer.redis_wall - now.mono - status.ahead_s > CLOCK_STEP_S


def find_rank(own: str, others: frozenset[str]) -> int:
    """Our place among those that act without Redis; 0: nobody else was seen lately."""
    if not others:
        return 0
    return 1 + sum(other < own for other in others)
