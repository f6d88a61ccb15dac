"""When each instance is asked next.

A timer per instance and a task per probe in flight; between probes nothing
runs. An interval counts from the end of a probe to the start of the next. Where
there are many it may be up to a tenth shorter, and once, when the pace slackens, by
more, so that each keeps to a place of its own in the interval: probes that fell
together once would else do so for ever, and wait for each other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.core.model.container import Container
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe, JsonRpcProbe
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.ports.loop import Clock, Post, Prober
from sidecar.probes.probe_target import probe_target

SILENCE_S = 3.0
VISIBLE_SILENCE_S = 0.5
"""Where the host's own processes are seen, which costs nothing."""
_ASKING = (ElectronCashProbe, JsonRpcProbe, HttpProbe)
"""Probes that wait for an answer, and for nothing else."""

OnSilence = Callable[[InstanceId, Container, float], None]
"""An instance, the container that was asked, and when (the clock's ``mono``)."""

SPREAD_S = 0.01
OVERDUE_S = 5.0
EARLIER = 0.1
"""The part of an interval by which a probe may come sooner to keep its place."""
TOGETHER_S = 0.05
"""Places are that far apart: to wake once for a few costs half as much."""
GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, lie evenly however many there are."""


@dataclass(slots=True)
class _ProbeSlot:
    """What is known of one instance; times are the clock's ``mono``."""

    target: Target
    container: Container
    every_s: float
    due: float
    place: float
    """Where in its interval it is asked, from 0 to 1."""
    slackened: bool = False
    """The pace has just become slower: it goes to its place at once."""
    hurried: bool = False
    """It is not to wait for its interval to be over."""
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
    """core.ports.Probing: at most one probe per instance in flight.

    Every probe ends in one ``ProbeDone``, unless its instance is forgotten; the
    next is due only once ``pace`` was called again. ``on_lag`` is told by how
    many seconds each probe began after it was due, and ``on_silence`` of each that has
    had no answer for ``silence_s``, while it goes on waiting.
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
        self._turns: dict[InstanceId, _ProbeSlot] = {}
        self._fresh = 0
        self._made = 0

    def pace(
        self, instance: InstanceId, target: Target, container: Container, every_s: float
    ) -> None:
        """Probe this instance again ``every_s`` after its last probe ended.

        At once where that is past. A new instance is asked at once; of several
        that are new together each 10 ms after the other, within ``every_s``.
        """
        if not target.probes:
            self.forget(instance)
            return
        turn = self._turns.get(instance)
        if turn is None:
            turn = self._made_new(target, container, every_s)
            self._turns[instance] = turn
        turn.slackened = turn.slackened or every_s > turn.every_s
        turn.target, turn.container, turn.every_s = target, container, every_s
        self._schedule(instance, turn)

    def forget(self, instance: InstanceId) -> None:
        """Stop probing this instance; a probe in flight is given up."""
        turn = self._turns.pop(instance, None)
        if turn is None:
            return
        if turn.timer is not None:
            turn.timer.cancel()
        if turn.flight is not None:
            turn.flight.cancel()
        if turn.silence is not None:
            turn.silence.cancel()
        if turn.ended is None and turn.flight is None:
            self._fresh -= 1

    def hurry(self, instance: InstanceId) -> None:
        """Probe it now; or at once after the probe that is in flight."""
        turn = self._turns.get(instance)
        if turn is not None:
            turn.hurried = True
            self._schedule(instance, turn)

    def overdue(self, now: float) -> int:
        """How many probes should have begun, or ended, over 5 s before ``now``."""
        return sum(1 for turn in self._turns.values() if _is_late(turn, now))

    async def close(self) -> None:
        """Give up everything and wait for it."""
        flights = [turn.flight for turn in self._turns.values() if turn.flight]
        for instance in tuple(self._turns):
            self.forget(instance)
        await asyncio.gather(*flights, return_exceptions=True)

    def _made_new(
        self, target: Target, container: Container, every_s: float
    ) -> _ProbeSlot:
        self._made += 1
        place = self._made * GOLDEN % 1.0
        return _ProbeSlot(target, container, every_s, self._first_due(every_s), place)

    def _first_due(self, every_s: float) -> float:
        self._fresh += 1
        return self._clock.now().mono + (self._fresh - 1) * SPREAD_S % every_s

    def _schedule(self, instance: InstanceId, turn: _ProbeSlot) -> None:
        if turn.flight is not None:
            return
        due = turn.due if turn.ended is None else self._next_due(turn, turn.ended)
        if turn.hurried:
            due = min(due, self._clock.now().mono)
        if turn.timer is not None:
            if due == turn.due:
                return
            turn.timer.cancel()
        turn.due = due
        wait = max(0.0, due - self._clock.now().mono)
        turn.timer = asyncio.get_running_loop().call_later(wait, self._begin, instance)

    def _next_due(self, turn: _ProbeSlot, ended: float) -> float:
        """An interval after ``ended``, or somewhat sooner: towards its place."""
        due = ended + turn.every_s
        place_s = turn.place * turn.every_s
        past_place = (due - place_s + place_s % TOGETHER_S) % turn.every_s
        crowd_s = (len(self._turns) - 1) * SPREAD_S
        most_s = turn.every_s * (1.0 if turn.slackened else EARLIER)
        return due - min(past_place, crowd_s, most_s)

    def _begin(self, instance: InstanceId) -> None:
        turn = self._turns[instance]
        began = self._clock.now().mono
        self._on_lag(max(0.0, began - turn.due))
        if turn.ended is None:
            self._fresh -= 1
        turn.timer = None
        turn.slackened = turn.hurried = False
        turn.due = began
        turn.flight = asyncio.get_running_loop().create_task(
            self._probe(instance, turn, began)
        )

    async def _probe(
        self, instance: InstanceId, turn: _ProbeSlot, began: float
    ) -> None:
        run = turn.container.run
        if all(isinstance(settings, _ASKING) for settings in turn.target.probes):
            turn.silence = asyncio.get_running_loop().call_later(
                self._silence_s(instance),
                self._on_silence,
                instance,
                turn.container,
                began,
            )
        outcome = await probe_target(self._prober, turn.target.probes, turn.container)
        if turn.silence is not None:
            turn.silence.cancel()
            turn.silence = None
        now = self._clock.now()
        turn.flight, turn.ended = None, now.mono
        turn.due = now.mono + turn.every_s
        self._post(ProbeCompleted(now, instance, run, began, outcome))


def _is_late(turn: _ProbeSlot, now: float) -> bool:
    allowed = OVERDUE_S + (turn.allowed_s if turn.flight is not None else 0.0)
    return now - turn.due > allowed
