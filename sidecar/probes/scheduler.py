"""The scheduler of probes.

It has a timer per instance and a task per probe in flight; between probes nothing
runs. An interval counts from the end of a probe to the start of the next. With many
instances it may be up to a tenth shorter (once, when the interval grows, by more), so
that each instance keeps a place of its own in the interval. Otherwise probes that
coincide once would coincide for ever, and wait for each other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.core.model.container import Container
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.probe_settings import ProbeWay
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.ports.loop import Clock, Post, Prober
from sidecar.probes.probe_target import probe_target

SILENCE_S = 3.0
VISIBLE_SILENCE_S = 0.5
"""The same where the host's processes are visible: an inspection costs nothing."""
OnSilence = Callable[[InstanceId, Container, float], None]
"""An instance, the container that was asked, and when (the clock's ``mono``)."""

SPREAD_S = 0.01
OVERDUE_S = 5.0
EARLIER = 0.1
"""The part of an interval by which a probe may start earlier to keep its place."""
TOGETHER_S = 0.05
"""The distance between places: one wake-up for several probes costs half as much."""
GOLDEN = 0.6180339887498949
"""The golden ratio: fractional parts of its multiples are evenly spread."""


@dataclass(slots=True)
class _ProbeSlot:
    """The schedule of one instance; times are the clock's ``mono``."""

    target: Target
    container: Container
    every_s: float
    due: float
    place: float
    """The place in its interval, from 0 to 1."""
    slackened: bool = False
    """The interval has just grown: the next probe goes to its place at once."""
    hurried: bool = False
    """The next probe does not wait for the end of the interval."""
    ended: float | None = None
    timer: asyncio.TimerHandle | None = None
    flight: asyncio.Task[None] | None = None
    silence: asyncio.TimerHandle | None = None
    """Runs while an answer is awaited."""

    @property
    def allowed_s(self) -> float:
        """The longest that a probe in flight may take."""
        return sum(2 * settings.timeout_s for settings in self.target.probes)


class IntervalProbeScheduler:
    """Implements core.ports.loop.ProbeScheduler: one probe per instance at a time.

    Every probe ends in one ``ProbeCompleted``, unless its instance is forgotten; the
    next is due only after another call of ``pace``. ``on_lag`` receives the seconds
    between each probe's due time and its start. ``on_silence`` is called for each
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
        self._slots: dict[InstanceId, _ProbeSlot] = {}
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
        slot.target, slot.container, slot.every_s = target, container, every_s
        self._schedule(instance, slot)

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

    def hurry(self, instance: InstanceId) -> None:
        """Probe this instance now, or right after the probe in flight."""
        slot = self._slots.get(instance)
        if slot is not None:
            slot.hurried = True
            self._schedule(instance, slot)

    def overdue(self, now: float) -> int:
        """The number of probes whose start or end is more than 5 s late at ``now``."""
        return sum(1 for slot in self._slots.values() if _is_late(slot, now))

    async def close(self) -> None:
        """Cancel all probes and wait for their end."""
        flights = [slot.flight for slot in self._slots.values() if slot.flight]
        for instance in tuple(self._slots):
            self.forget(instance)
        await asyncio.gather(*flights, return_exceptions=True)

    def _new_slot(
        self, target: Target, container: Container, every_s: float
    ) -> _ProbeSlot:
        self._slot_count += 1
        place = self._slot_count * GOLDEN % 1.0
        return _ProbeSlot(target, container, every_s, self._first_due(every_s), place)

    def _first_due(self, every_s: float) -> float:
        self._new_count += 1
        return self._clock.now().mono + (self._new_count - 1) * SPREAD_S % every_s

    def _schedule(self, instance: InstanceId, slot: _ProbeSlot) -> None:
        if slot.flight is not None:
            return
        due = slot.due if slot.ended is None else self._next_due(slot, slot.ended)
        if slot.hurried:
            due = min(due, self._clock.now().mono)
        if slot.timer is not None:
            if due == slot.due:
                return
            slot.timer.cancel()
        slot.due = due
        wait = max(0.0, due - self._clock.now().mono)
        slot.timer = asyncio.get_running_loop().call_later(wait, self._begin, instance)

    def _next_due(self, slot: _ProbeSlot, ended: float) -> float:
        """An interval after ``ended``, or somewhat earlier, closer to its place."""
        due = ended + slot.every_s
        place_s = slot.place * slot.every_s
        past_place = (due - place_s + place_s % TOGETHER_S) % slot.every_s
        crowd_s = (len(self._slots) - 1) * SPREAD_S
        most_s = slot.every_s * (1.0 if slot.slackened else EARLIER)
        return due - min(past_place, crowd_s, most_s)

    def _begin(self, instance: InstanceId) -> None:
        slot = self._slots[instance]
        began = self._clock.now().mono
        self._on_lag(max(0.0, began - slot.due))
        if slot.ended is None:
            self._new_count -= 1
        slot.timer = None
        slot.slackened = slot.hurried = False
        slot.due = began
        slot.flight = asyncio.get_running_loop().create_task(
            self._probe(instance, slot, began)
        )

    async def _probe(
        self, instance: InstanceId, slot: _ProbeSlot, began: float
    ) -> None:
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
        self._post(ProbeCompleted(now, instance, run, began, outcome))


def _is_late(slot: _ProbeSlot, now: float) -> bool:
    allowed = OVERDUE_S + (slot.allowed_s if slot.flight is not None else 0.0)
    return now - slot.due > allowed
