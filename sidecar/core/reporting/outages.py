"""From the journal's state changes to what each target's time was spent on.

An outage is one stretch in which a target was neither healthy nor degraded, nor
taken down on purpose; its cause is the one that was known when it was certain.
"""

from collections.abc import Container, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, StateChange
from sidecar.core.model.target_state import TargetState
from sidecar.core.reporting.monitored_time import MonitoredTime

UNKNOWN_CAUSE = "unknown"

_REDEPLOY_S = CAUSES[Cause.MISSING].grace_s


class IntervalKind(StrEnum):
    """PLANNED: restarted or withdrawn on purpose. STOPPED: by an operator."""

    UP = "up"
    DOWN = "down"
    PLANNED = "planned"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Interval(NamedTuple):
    """A stretch of one kind; not DOWN, which outages tell of, and not UNKNOWN."""

    target: str
    began_wall: float
    ended_wall: float
    kind: IntervalKind


class TimeRange(NamedTuple):
    """From one instant to another."""

    from_wall: float
    until_wall: float


class Outage(NamedTuple):
    """An outage that ended, or lasts until what was asked for ended.

    ``spans`` are the stretches from ``began_wall`` to ``ended_wall`` in which it was
    seen to last. ``certain_wall`` is when the
    failures were many enough to be believed; None: they never were.
    ``repaired``: it ended because the target worked again.
    """

    target: str
    cause: str
    spans: tuple[TimeRange, ...]
    began_wall: float
    certain_wall: float | None
    ended_wall: float
    repaired: bool


IntervalOrOutage = Interval | Outage

_KINDS: Mapping[str, IntervalKind] = MappingProxyType(
    {
        TargetState.UNKNOWN: IntervalKind.UNKNOWN,
        TargetState.STARTING: IntervalKind.PLANNED,
        TargetState.HEALTHY: IntervalKind.UP,
        TargetState.DEGRADED: IntervalKind.UP,
        TargetState.FAILING: IntervalKind.DOWN,
        TargetState.DOWN: IntervalKind.DOWN,
        TargetState.RECOVERING: IntervalKind.PLANNED,
        TargetState.CRASH_LOOP: IntervalKind.DOWN,
        TargetState.DEAD_LETTER: IntervalKind.DOWN,
        TargetState.STOPPED: IntervalKind.STOPPED,
        TargetState.MISSING: IntervalKind.DOWN,
    }
)
_CERTAIN = frozenset(
    {
        TargetState.DOWN,
        TargetState.RECOVERING,
        TargetState.CRASH_LOOP,
        TargetState.DEAD_LETTER,
    }
)


class OutageTracker:
    """Follows every target through state changes that come in order of time."""

    def __init__(self, start_wall: float, coverage: MonitoredTime) -> None:
        self._start_wall = start_wall
        self._coverage = coverage
        self._followed: dict[str, TargetHistory] = {}

    def __contains__(self, target: object) -> bool:
        """Was anything said of this target?"""
        return target in self._followed

    def begin(
        self, target: str, state: str, cause: str | None, since_wall: float
    ) -> None:
        """A target of which no change tells: how it is, and since when."""
        since = max(self._start_wall, since_wall)
        self._followed[target] = TargetHistory(
            target, state, cause, since, self._coverage
        )

    def add(self, entry: JournalEntry) -> tuple[IntervalOrOutage, ...]:
        """What one state change brought to its end; other entries bring nothing."""
        if entry.kind is not EntryKind.STATE:
            return ()
        data = entry.data
        change = StateChange(
            str(data["from"]), str(data["to"]), _text_or_none(data.get("cause"))
        )
        return self.course(entry.target, change.old).change(entry.at_wall, change)

    def course(self, target: str, state: str) -> "TargetHistory":
        """That of a target. ``state``: how it is, where nothing was said of it yet."""
        if target not in self._followed:
            self.begin(target, state, UNKNOWN_CAUSE, self._start_wall)
        return self._followed[target]

    def close(
        self, until_wall: float, present: Container[str]
    ) -> list[IntervalOrOutage]:
        """What is left, up to ``until_wall``.

        Nothing is claimed of a target that is not ``present`` any more after the
        last that was seen of it.
        """
        found: list[IntervalOrOutage] = []
        for target, course in self._followed.items():
            if target in present:
                found += course.last_until(until_wall)
            else:
                found += course.lose_sight(until_wall)
            outage = course.end_outage(max(until_wall, course.since_wall))
            if outage is not None:
                found.append(outage)
        return found


class TargetHistory:
    """One target: what it is doing since when, and the outage it is in."""

    __slots__ = (
        "_began_wall",
        "_cause",
        "_certain_wall",
        "_coverage",
        "_kind",
        "_open",
        "_spans",
        "since_wall",
        "state",
        "target",
    )

    def __init__(
        self,
        target: str,
        state: str,
        cause: str | None,
        since_wall: float,
        coverage: MonitoredTime,
    ) -> None:
        self.target = target
        self.state = state
        self._coverage = coverage
        self._reset()
        self.enter(since_wall, state, cause)

    def _reset(self) -> None:
        self._open = False
        self._began_wall = 0.0
        self._cause = UNKNOWN_CAUSE
        self._certain_wall: float | None = None
        self._spans: list[TimeRange] = []

    @property
    def works(self) -> bool:
        """Is it healthy, or degraded?"""
        return self._kind is IntervalKind.UP

    def change(
        self, at_wall: float, change: StateChange
    ) -> tuple[IntervalOrOutage, ...]:
        """What a change of state brought to its end."""
        at = max(at_wall, self.since_wall)
        known = change.old == self.state
        ended = self.last_until(at) if known else self.lose_sight(at)
        outage = self.enter(at, change.new, change.cause)
        return ended if outage is None else (*ended, outage)

    def enter(self, at: float, state: str, cause: str | None) -> Outage | None:
        """It is in another state from now on: the outage which that ends."""
        before, self.state, self.since_wall = self.state, state, at
        kind = _KINDS.get(state, IntervalKind.UNKNOWN)
        if kind is IntervalKind.PLANNED and self._is_trouble(before, state, cause):
            kind = IntervalKind.DOWN
        self._kind = kind
        if kind is IntervalKind.DOWN:
            if state != TargetState.MISSING:
                self._fail(at, state, cause)
            return None
        if kind is IntervalKind.UNKNOWN and cause == Cause.OWN_NETWORK:
            self._excuse()
        if kind is IntervalKind.UNKNOWN or not self._open:
            return None
        return self.end_outage(at, repaired=kind is IntervalKind.UP)

    def _is_trouble(self, before: str, state: str, cause: str | None) -> bool:
        """Is it started or restarted because something is wrong?

        To load its wallet is a start's last step.
        """
        if self._open:
            return True
        last_step = before == TargetState.STARTING and cause == Cause.WALLET_NOT_LOADED
        return state == TargetState.RECOVERING and cause is not None and not last_step

    def _fail(self, at: float, state: str, cause: str | None) -> None:
        if not self._open:
            self._open, self._began_wall = True, at
        if self._certain_wall is not None:
            return
        self._cause = cause or self._cause
        if state in _CERTAIN:
            self._certain_wall = at

    def _excuse(self) -> None:
        """What looked like an outage was our own, unless it was one before."""
        if self._certain_wall is None or self._cause == Cause.DETACHED:
            self._reset()

    def last_until(self, until: float) -> tuple[IntervalOrOutage, ...]:
        """The present state lasted until now."""
        since = self.since_wall
        if until <= since or self._kind is IntervalKind.UNKNOWN:
            return ()
        if self._kind is not IntervalKind.DOWN:
            return (Interval(self.target, since, until, self._kind),)
        if self.state == TargetState.MISSING and not self._open:
            if until - since < _REDEPLOY_S:
                return (Interval(self.target, since, until, IntervalKind.PLANNED),)
            self._fail(since, self.state, Cause.MISSING)
            self._certain_wall = since + _REDEPLOY_S
        self._extend(since, until)
        return ()

    def _extend(self, since: float, until: float) -> None:
        if self._spans and self._spans[-1].until_wall == since:
            since = self._spans.pop().from_wall
        self._spans.append(TimeRange(since, until))

    def lose_sight(self, at: float) -> tuple[IntervalOrOutage, ...]:
        """It left, or is followed anew, at some time before ``at``.

        Where we stopped watching in between, that was when; else nobody knows.
        """
        end = self._coverage.end_of_stretch(self.since_wall)
        if end >= at:
            end = self.since_wall
        ended = self.last_until(end)
        outage = self.end_outage(end)
        return ended if outage is None else (*ended, outage)

    def end_outage(self, at: float, *, repaired: bool = False) -> Outage | None:
        """Tell of the outage it is in, where it is in one."""
        if not self._open:
            return None
        outage = Outage(
            self.target,
            self._cause,
            tuple(self._spans),
            self._began_wall,
            self._certain_wall,
            at,
            repaired,
        )
        self._reset()
        return outage


def _text_or_none(value: object) -> str | None:
    return str(value) if value is not None else None
