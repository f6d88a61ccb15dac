"""The lease as one watchdog sees it: how each answer of Redis changes what it knows.

All times are of its own monotonic clock, and a lease is counted from the moment when
its request was sent: so a watchdog gives it up before Redis does. Redis counts by the
wall clock of its host. Where that clock was set forward, or Redis has lost its data,
the lease of another watchdog may have ended too early; then a new holder waits until
every call of the former holder must have ended.
"""

from typing import NamedTuple

from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace

CLOCK_STEP_S = 1.0
"""A larger change of Redis's clock against our own is a step of it."""


class LeaseAnswer(NamedTuple):
    """Redis's answer to a request for the lease.

    ``token``: of the lease that is held now, by whomever; 0: nobody holds it.
    ``holder``: the other watchdog; "": it is ours, or nobody's. ``redis_wall``: the
    time of Redis's clock. ``is_fresh``: Redis did not know the last token. ``call_s``:
    nobody holds it any more, and the last holder had announced such a call.
    """

    token: int
    holder: str
    redis_wall: float
    is_fresh: bool = False
    call_s: float = 0.0


def on_answered(
    status: LeaseStatus, answer: LeaseAnswer, now: Moment, longest_call_s: float
) -> LeaseStatus:
    """Redis has answered. In doubt about earlier leases nobody acts for a while.

    Each watchdog finds the doubt by itself, whoever gets the lease next.
    """
    act_from_mono = status.act_from_mono
    has_it = status.token > 0 and status.until_mono > now.mono
    goes_on = status.token > 0 and answer.token == status.token and not answer.holder
    # Our own clock stops while our host is suspended: that looks like a step, too.
    has_stepped = _has_stepped(status, answer, now)
    if (has_stepped and not goes_on) or (answer.is_fresh and not has_it):
        act_from_mono = now.mono + max(status.settings.lease_s, longest_call_s)
    elif status.ahead_s is None and not has_it:
        act_from_mono = now.mono + answer.call_s
    return replace(
        status,
        lost="",
        asked=True,
        act_from_mono=act_from_mono,
        since=now if status.lost or not status.asked else status.since,
        highest_token=max(status.highest_token, answer.token),
        ahead_s=answer.redis_wall - now.mono,
    )


def on_acquired(
    status: LeaseStatus, answer: LeaseAnswer, sent_mono: float, now: Moment
) -> LeaseStatus:
    """We hold the lease from now on, with a new token."""
    until_mono = sent_mono + status.settings.lease_s
    return replace(
        status, token=answer.token, until_mono=until_mono, holder="", since=now
    )


def on_renewed(status: LeaseStatus, until_mono: float) -> LeaseStatus:
    """Our lease goes on until ``until_mono``, counted from when we asked."""
    return replace(status, until_mono=until_mono)


def on_not_held(status: LeaseStatus, holder: str, now: Moment) -> LeaseStatus:
    """We do not hold the lease: another watchdog does, or nobody."""
    if not status.token and status.holder == holder:
        return status
    return replace(status, token=0, until_mono=0.0, holder=holder, since=now)


def on_lost(status: LeaseStatus, why: str, now: Moment) -> LeaseStatus:
    """Redis does not answer. A lease that we hold is valid until it ends."""
    since = status.since if status.lost else now
    return replace(status, lost=why, since=since)


def _has_stepped(status: LeaseStatus, answer: LeaseAnswer, now: Moment) -> bool:
    """Was Redis's clock set forward since its last answer?"""
    if status.ahead_s is None:
        return False
    return answer.redis_wall - now.mono - status.ahead_s > CLOCK_STEP_S


def find_rank(own: str, others: frozenset[str]) -> int:
    """Our place among those that act without Redis; 0: nobody else was seen lately."""
    if not others:
        return 0
    return 1 + sum(other < own for other in others)


SECONDS = 4
"""Number of seconds in which each watchdog has one of its own."""
_USED = 0.5
"""The part of a second that is used: the rest is for the engine's event."""


def wait_for_second_s(rank: int, wall: float) -> float:
    """The wait until our own second by the wall clock; 0: now, or there is no other."""
    if rank == 0:
        return 0.0
    offset_s = (wall - rank % SECONDS) % SECONDS
    return 0.0 if offset_s < _USED else SECONDS - offset_s
