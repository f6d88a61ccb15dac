"""The scheduler of probes.

It has a timer per instance and a task per probe in flight; between probes nothing
runs. An interval counts from the end of a probe to the start of the next. With many
instances it may be up to a tenth shorter (once, when the interval grows, by more), so
that each instance keeps a place of its own in the interval. Otherwise probes that
coincide once would coincide for ever, and wait for each other.

Where more is asked than the machine can do, probes that are due wait for their turn:
a few begin in each turn of the loop, as long as few results wait to be worked in. So
nothing piles up, and all intervals grow alike; failing targets go first.
"""

import asyncio
from collections.abc import Callable

from sidecar.core.model.container import Container
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.probe_settings import ProbeWay
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.ports.loop import Clock, Post, Prober
from sidecar.probes.overload import OverloadDetector
from sidecar.probes.probe_slot import ProbeSlot
from sidecar.probes.probe_target import probe_target
from sidecar.probes.start_queue import LOST_S, StartQueue, UnreadResults

SILENCE_S = 3.0
VISIBLE_SILENCE_S = 0.5
"""The same where the host's processes are visible: an inspection costs nothing."""
OnSilence = Callable[[InstanceId, Container, float], None]
"""An instance, the container that was asked, and when (the clock's ``mono``)."""

BEHIND_S = 0.25
"""Where a timer is so late the loop is behind: probes begin a few at a time."""

TURN_STARTS = 5
"""Waiting probes that begin in one turn of the loop. More would make the turns longer,
and a long answer, of which each turn makes one piece, later."""

SPREAD_S = 0.01
EARLIER = 0.1
"""The part of an interval by which a probe may start earlier to keep its place."""
TOGETHER_S = 0.05
"""The distance between places: one wake-up for several probes costs half as much."""
GOLDEN = 0.6180339887498949
"""The golden ratio: fractional parts of its multiples are evenly spread."""


class IntervalProbeScheduler:
    """Implements core.ports.loop.ProbeScheduler: one probe per instance at a time.

    Every probe ends in one ``ProbeCompleted``, unless its instance is forgotten; the
    next is due only after another call of ``pace``. ``on_lag`` receives how many
    seconds late the loop was at each probe's timer. ``on_silence`` is called for each
    probe without an answer for ``silence_s``; the probe then still waits.
    """

    def __init__(
        self,
        prober: Prober,
        post: Post,
        clock: Clock,
        on_lag: Callable[[float], None],
        on_silence: OnSilence = lambda *_: None,
        silence_s: Callable[[InstanceId], float] = lambda _: SILENCE_S,
    ) -> None:
        self._prober = prober
        self._post = post
        self._clock = clock
        self._on_lag = on_lag
        self._on_silence = on_silence
        self._silence_s = silence_s
        self.answer_s: float | None = None
        """In a simulation: every answer takes exactly so long. The interval then
        includes it, and no place is kept: nothing coincides by chance.
        """
        self._slots: dict[InstanceId, ProbeSlot] = {}
        self._due_now = StartQueue()
        self._unread = UnreadResults()
        self._turn: asyncio.Handle | None = None
        self._later: asyncio.Handle | None = None
        self.overload = OverloadDetector(lambda: clock.now().mono)
        self._new_count = 0
        self._slot_count = 0

    def pace(
        self, instance: InstanceId, target: Target, container: Container, every_s: float
    ) -> None:
        """Probe this instance again ``every_s`` after the end of its last probe.

        At once if that time is past. A new instance is probed at once; several new
        ones follow each other at 10 ms, within ``every_s``.
        """
        if not target.probes:
            self.forget(instance)
            return
        slot = self._slots.get(instance)
        if slot is None:
            slot = self._new_slot(target, container, every_s)
            self._slots[instance] = slot
        slot.slackened = slot.slackened or every_s > slot.every_s
        is_shorter = every_s < slot.every_s
        slot.target, slot.container, slot.every_s = target, container, every_s
        self._schedule(instance, slot, is_shorter=is_shorter)
        self._note_read(instance)

    def forget(self, instance: InstanceId) -> None:
        """Stop probing this instance; a probe in flight is cancelled."""
        slot = self._slots.pop(instance, None)
        if slot is None:
            return
        if slot.timer is not None:
            slot.timer.cancel()
        if slot.flight is not None:
            slot.flight.cancel()
        if slot.silence is not None:
            slot.silence.cancel()
        if slot.ended is None and slot.flight is None:
            self._new_count -= 1
        self._note_read(instance)

    def hurry(self, instance: InstanceId) -> None:
        """Probe this instance now, or right after the probe in flight."""
        slot = self._slots.get(instance)
        if slot is None or slot.hurried:
            return
        slot.hurried = True
        if slot.is_waiting:
            self._due_now.add(instance, is_urgent=True)
        self._schedule(instance, slot)

    def overdue(self, now: float) -> int:
        """The number of probes whose start or end is more than 5 s late at ``now``."""
        return sum(1 for slot in self._slots.values() if slot.is_late(now))

    async def close(self) -> None:
        """Cancel all probes and wait for their end."""
        flights = [slot.flight for slot in self._slots.values() if slot.flight]
        for instance in tuple(self._slots):
            self.forget(instance)
        for handle in filter(None, (self._turn, self._later)):
            handle.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _new_slot(
        self, target: Target, container: Container, every_s: float
    ) -> ProbeSlot:
        self._slot_count += 1
        place = self._slot_count * GOLDEN % 1.0
        return ProbeSlot(target, container, every_s, self._first_due(every_s), place)

    def _first_due(self, every_s: float) -> float:
        self._new_count += 1
        return self._clock.now().mono + (self._new_count - 1) * SPREAD_S % every_s

    def _schedule(
        self, instance: InstanceId, slot: ProbeSlot, *, is_shorter: bool = False
    ) -> None:
        if slot.flight is not None or slot.is_waiting:
            return
        due = slot.due if slot.ended is None else self._next_due(slot, slot.ended)
        now = self._clock.now().mono
        if slot.hurried:
            due = min(due, now)
        if is_shorter:  # Nobody is late for a time that was not asked for.
            due = max(due, now)
        if slot.timer is not None:
            if due == slot.due:
                return
            slot.timer.cancel()
        slot.due = due
        slot.timer = asyncio.get_running_loop().call_later(
            max(0.0, due - now), self._begin_in_turn, instance
        )

    def _next_due(self, slot: ProbeSlot, ended: float) -> float:
        """An interval after ``ended``, or somewhat earlier, closer to its place."""
        due = ended + slot.every_s
        if self.answer_s is not None:
            return due - self.answer_s
        place_s = slot.place * slot.every_s
        past_place = (due - place_s + place_s % TOGETHER_S) % slot.every_s
        crowd_s = (len(self._slots) - 1) * SPREAD_S
        most_s = slot.every_s * (1.0 if slot.slackened else EARLIER)
        return due - min(past_place, crowd_s, most_s)

    def _begin_in_turn(self, instance: InstanceId) -> None:
        """Begin the probe that is due now, or let it wait while others do."""
        slot = self._slots[instance]
        slot.timer = None
        now = self._clock.now().mono
        late_s = max(0.0, now - slot.due)
        self._on_lag(late_s)
        is_free = not self._due_now and self._unread.count_room(now) > 0
        if is_free and late_s < BEHIND_S:
            self._begin(instance, slot)
            return
        slot.is_waiting = True
        self._due_now.add(instance, is_urgent=slot.is_urgent)
        self._want_turn()

    def _want_turn(self) -> None:
        """Begin the next waiting probes in the next turn of the loop, if they may."""
        if self._turn is not None or not self._due_now:
            return
        loop = asyncio.get_running_loop()
        if self._unread.count_room(self._clock.now().mono):
            self._turn = loop.call_soon(self._begin_next)
        elif self._later is None:
            self._later = loop.call_later(LOST_S, self._look_for_lost)

    def _look_for_lost(self) -> None:
        self._later = None
        self._want_turn()

    def _begin_next(self) -> None:
        self._turn = None
        count = 0
        most = min(TURN_STARTS, self._unread.count_room(self._clock.now().mono))
        while self._due_now and count < most:
            instance = self._due_now.take()
            slot = self._slots.get(instance)
            # It was forgotten, or has begun from its other row.
            if slot is not None and slot.is_waiting:
                self._begin(instance, slot)
                count += 1
        self._want_turn()

    def _note_read(self, instance: InstanceId) -> None:
        """The result of this instance was worked in: there is room for another."""
        self._unread.remove(instance)
        self._want_turn()

    def _begin(self, instance: InstanceId, slot: ProbeSlot) -> None:
        began = self._clock.now().mono
        self.overload.note(slot.every_s, max(0.0, began - slot.due))
        if slot.ended is None:
            self._new_count -= 1
        slot.is_waiting = False
        slot.slackened = slot.hurried = False
        slot.due = began
        slot.flight = asyncio.get_running_loop().create_task(
            self._probe(instance, slot, began)
        )

    async def _probe(self, instance: InstanceId, slot: ProbeSlot, began: float) -> None:
        run = slot.container.run
        if all(probe.WAY is ProbeWay.REQUEST for probe in slot.target.probes):
            slot.silence = asyncio.get_running_loop().call_later(
                self._silence_s(instance),
                self._on_silence,
                instance,
                slot.container,
                began,
            )
        outcome = await probe_target(self._prober, slot.target.probes, slot.container)
        if slot.silence is not None:
            slot.silence.cancel()
            slot.silence = None
        now = self._clock.now()
        slot.flight, slot.ended = None, now.mono
        slot.due = now.mono + slot.every_s
        self._unread.add(instance, now.mono)
        self._post(ProbeCompleted(now, instance, run, began, outcome))
