"""The lease of this watchdog: gets it, keeps it, and checks it before each call."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from loguru import logger

from sidecar.cluster.lease_server import HeldAnswer, LeaseServer, ServerLost, View
from sidecar.core.model.decision import Decision
from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.moment import Moment
from sidecar.core.ports.loop import Clock, Post
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status import lease as rules
from sidecar.core.status import lease_protocol as protocol

BEATS_PER_LEASE = 3
REMEMBERED_S = 600.0
"""A watchdog that was seen within this time may act without Redis, too."""
_CHECK_S = 5.0
"""Time for the last checks between a permit and its call."""
_SOON_S = 0.05
RELEASE_S = 2.0
_MOST_SIGNALS = 100


class OwnFacts(NamedTuple):
    """Facts about this watchdog. ``can_act``: it may hold the lease at all.

    ``longest_call_s``: of all its targets. ``down``: the targets that it sees down.
    """

    can_act: bool
    longest_call_s: float
    down: frozenset[str] = frozenset()


class LeaseKeeper:
    """Implements core.ports.loop.LeaseGate. Posts what it knows at each beat."""

    def __init__(
        self,
        server: LeaseServer,
        clock: Clock,
        post: Post,
        facts: Callable[[], OwnFacts],
        status: LeaseStatus,
        own_id: str,
    ) -> None:
        self._server = server
        self._clock = clock
        self._post = post
        self._facts = facts
        self._id = own_id
        self._lock = asyncio.Lock()
        self._call_until_mono = 0.0
        self._left_s = 0.0
        self._sightings: dict[str, tuple[str, float]] = {}
        """The other watchdogs by name: their id, and when they were last seen."""
        self._began_mono = clock.now().mono
        self._place = status.rank
        """The last rank with Redis: our place among the seconds for calls."""
        self._signals: dict[str, float] = {}
        """The last signal to each container, on our monotonic clock."""
        self.status = status

    async def run(self) -> None:
        """Get or keep the lease until cancelled."""
        beat_s = self.status.settings.lease_s / BEATS_PER_LEASE
        while True:
            await self.beat()
            wait_s = beat_s
            if not self.status.token and not self.status.lost:
                wait_s = min(beat_s, max(self._left_s, 0.0) + _SOON_S)
            await asyncio.sleep(wait_s)

    async def beat(self) -> None:
        """Ask the server once, exchange views, and post what is known."""
        facts = self._facts()
        async with self._lock:
            try:
                await self._update_lease(facts)
                await self._update_views(facts)
            except ServerLost as error:
                self._note(protocol.on_lost(self.status, str(error), self._now()))
            self._renew_rank()
        self._post(LeaseObserved(self._now(), self.status))

    def note_signal(self, container_id: str, at: Moment) -> None:
        """The engine has reported a signal to a container: others may restart it."""
        self._signals.pop(container_id, None)
        self._signals[container_id] = at.mono
        while len(self._signals) > _MOST_SIGNALS:
            del self._signals[next(iter(self._signals))]

    async def permit(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        """Why a call of ``call_s`` may not be sent now; NO_REASON: it may.

        The lease is renewed for the whole call. ``committed``: a daemon was stopped
        already, and must be started.
        """
        async with self._lock:
            before_mono = self._call_until_mono
            until_mono = self._now().mono + call_s + _CHECK_S
            self._call_until_mono = max(before_mono, until_mono)
            try:
                await self._update_lease(self._facts())
            except ServerLost as error:
                self._note(protocol.on_lost(self.status, str(error), self._now()))
        objection = self._objection(decision, call_s, committed=committed)
        if objection:
            self._call_until_mono = before_mono
            self._post(LeaseObserved(self._now(), self.status))
        return objection

    async def check_again(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        """Why a call of ``call_s`` is not permitted any more: the last check.

        If others may act without Redis, it waits for our own second: a signal that one
        of them sends is seen in all other seconds.
        """
        if not committed and self._may_others_act():
            await self._wait_for_second()
        return self._objection(decision, call_s, committed=committed)

    def end_call(self) -> None:
        """The call has ended: from the next beat on the lease has its usual length."""
        self._call_until_mono = 0.0

    def _may_others_act(self) -> bool:
        """Is Redis lost, or is a watchdog that was seen lately perhaps cut off?"""
        others = {f"{name}/{sighting[0]}" for name, sighting in self._sightings.items()}
        return bool(self.status.lost) or not others <= self.status.views.keys()

    async def _wait_for_second(self) -> None:
        while wait_s := protocol.wait_for_second_s(  # noqa: ASYNC110 - a time
            self._place, self._now().wall
        ):
            await asyncio.sleep(wait_s)

    def _objection(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        run, token = decision.run, decision.lease_token
        signalled = self._signals.get(run.container_id) if run is not None else None
        if not committed and signalled is not None and signalled > decision.at.mono:
            return Reason.of(R.TOLD_TO_STOP)
        return self._lease_objection(token, call_s, committed=committed)

    async def release(self) -> None:
        """Give the lease back, so that another watchdog need not wait for its end.

        Not in the time of a call: the engine carries it out all the same.
        """
        async with self._lock:
            if not self.status.token or self._is_calling():
                return
            try:
                async with asyncio.timeout(RELEASE_S):
                    await self._server.release(self.status.token)
            except (ServerLost, TimeoutError):
                return

    def _lease_objection(self, token: int, call_s: float, *, committed: bool) -> Reason:
        status, now_mono = self.status, self._now().mono
        if rules.is_held(status, now_mono) and token in {0, status.token}:
            left_s = status.until_mono - now_mono
            if left_s >= call_s and now_mono >= status.act_from_mono:
                return NO_REASON
            if not status.lost:
                return Reason.of(R.LEASE_TOO_SHORT, seconds=call_s)
        if status.lost:
            if committed or not token:
                return NO_REASON
            return Reason.of(R.LEASE_LOST_HOLD, said=status.lost)
        held_by = Reason.of(R.LEASE_FREE)
        if status.holder:
            held_by = Reason.of(R.LEASE_ELSEWHERE, watchdog=status.holder)
        return Reason.of(R.LEASE_ENDED, reason=held_by)

    async def _update_lease(self, facts: OwnFacts) -> None:
        """Renew our lease, or try to get it."""
        status, sent_mono = self.status, self._now().mono
        if status.token and (facts.can_act or self._is_calling()):
            span_s = max(status.settings.lease_s, self._call_until_mono - sent_mono)
            # In doubt about an earlier call, the next holder is told of it, too.
            until_mono = max(self._call_until_mono, status.act_from_mono)
            call_s = max(0.0, until_mono - sent_mono)
            reply = await self._server.renew(status.token, span_s, call_s)
            self._note_answer(reply, facts)
            if reply.answer.token == status.token and not reply.answer.holder:
                self._note(protocol.on_renewed(self.status, sent_mono + span_s))
                return
        elif status.token:
            await self._server.release(status.token)
            self._note(protocol.on_not_held(status, "", self._now()))
        await self._try_to_acquire(facts)

    def _is_calling(self) -> bool:
        """May a call that was permitted still be under way?"""
        return self._now().mono < self._call_until_mono

    async def _try_to_acquire(self, facts: OwnFacts) -> None:
        status, sent_mono = self.status, self._now().mono
        # The first answer only tells the time of the server's clock.
        wants = facts.can_act and status.ahead_s is not None
        span_s = status.settings.lease_s if wants else 0.0
        longest_s = self._longest_s(facts)
        reply = await self._server.acquire(status.highest_token, span_s, longest_s)
        self._left_s = reply.left_s
        self._note_answer(reply, facts)
        status, answer, now = self.status, reply.answer, self._now()
        if wants and answer.token and not answer.holder:
            self._note(protocol.on_acquired(status, answer, sent_mono, now))
            await self._pass_doubt_on(now)
        else:
            self._note(protocol.on_not_held(status, answer.holder, now))

    async def _pass_doubt_on(self, now: Moment) -> None:
        """Tell the next holder at once of our doubt about an earlier call."""
        doubt_s = self.status.act_from_mono - now.mono
        if doubt_s > 0:
            lease_s = self.status.settings.lease_s
            await self._server.renew(self.status.token, lease_s, doubt_s)

    def _note_answer(self, reply: HeldAnswer, facts: OwnFacts) -> None:
        self._note(
            protocol.on_answered(
                self.status, reply.answer, self._now(), self._longest_s(facts)
            )
        )

    def _longest_s(self, facts: OwnFacts) -> float:
        """The longest time for which a lease is asked."""
        lease_s = self.status.settings.lease_s
        return max(lease_s, facts.longest_call_s + _CHECK_S)

    async def _update_views(self, facts: OwnFacts) -> None:
        name, now_mono = self.status.own_name, self._now().mono
        own = View(self._id, name, facts.down if facts.can_act else None)
        ttl_s = 2 * self.status.settings.lease_s
        views = await self._server.exchange_views(own, ttl_s)
        self._sightings.update(
            {view.name: (view.watchdog_id, now_mono) for view in views}
        )
        down = {
            f"{view.name}/{view.watchdog_id}": view.down
            for view in views
            if view.down is not None
        }
        self._note(replace(self.status, views=MappingProxyType(down)))

    def _renew_rank(self) -> None:
        """Forget the watchdogs that were not seen lately, with or without Redis."""
        now_mono = self._now().mono
        self._sightings = {
            other: sighting
            for other, sighting in self._sightings.items()
            if now_mono - sighting[1] < REMEMBERED_S
        }
        others = frozenset(
            f"{n}/{sighting[0]}" for n, sighting in self._sightings.items()
        )
        if self.status.lost and now_mono - self._began_mono < REMEMBERED_S:
            return  # It has not looked for others long enough.
        rank = protocol.find_rank(f"{self.status.own_name}/{self._id}", others)
        # Without Redis the others may live all the same: each keeps its own second.
        if not self.status.lost:
            self._place = rank
        self._note(replace(self.status, rank=rank))

    def _note(self, status: LeaseStatus) -> None:
        before, self.status = self.status, status
        if status.lost and not before.lost:
            logger.warning("the lease is not known, Redis is lost: {}", status.lost)
        elif before.lost and not status.lost:
            logger.info("Redis answers again")
        if status.token and status.token != before.token:
            logger.info("this watchdog holds the lease, token {}", status.token)
        elif before.token and not status.token:
            logger.warning("this watchdog does not hold the lease any more")
        if status.holder and status.holder != before.holder:
            logger.info("the watchdog {} holds the lease", status.holder)

    def _now(self) -> Moment:
        return self._clock.now()
