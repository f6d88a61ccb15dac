"""Intervals and outages of each target, from the journal's state changes.

An outage is a time in which a target was neither healthy nor degraded, nor taken down
on purpose; its cause is the one that was known when it became certain.
"""

from collections.abc import Container, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, StateChange
from sidecar.core.model.target_state import BROKEN_STATES, TargetState
from sidecar.core.reporting.monitored_time import MonitoredTime

UNKNOWN_CAUSE = "unknown"

_REDEPLOY_S = CAUSES[Cause.MISSING].grace_s


class IntervalKind(StrEnum):
    """Kind of an interval.

    PLANNED: restarted or withdrawn on purpose. STOPPED: by an operator.
    """

    UP = "up"
    DOWN = "down"
    PLANNED = "planned"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Interval(NamedTuple):
    """Time of one kind; never DOWN, which outages cover, nor UNKNOWN."""

    target: str
    began_wall: float
    ended_wall: float
    kind: IntervalKind


class TimeRange(NamedTuple):
    """Time range between two instants."""

    from_wall: float
    until_wall: float


class Outage(NamedTuple):
    """An outage that ended, or lasts until the end of the period.

    ``spans`` are the time ranges from ``began_wall`` to ``ended_wall`` in which it was
    observed. ``certain_wall`` is when there were enough failures to be certain; None:
    there never were. ``repaired``: it ended because the target worked again.
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
        TargetState.DRAINING: IntervalKind.UP,
        TargetState.RECOVERING: IntervalKind.PLANNED,
        TargetState.CRASH_LOOP: IntervalKind.DOWN,
        TargetState.DEAD_LETTER: IntervalKind.DOWN,
        TargetState.STOPPED: IntervalKind.STOPPED,
        TargetState.MISSING: IntervalKind.DOWN,
    }
)
_CERTAIN = BROKEN_STATES - {TargetState.STOPPED, TargetState.MISSING}


class OutageTracker:
    """Tracks every target through state changes that come in order of time."""

    def __init__(self, start_wall: float, coverage: MonitoredTime) -> None:
        self._start_wall = start_wall
        self._coverage = coverage
        self._histories: dict[str, TargetHistory] = {}

    def __contains__(self, target: object) -> bool:
        """Is this target tracked?"""
        return target in self._histories

    def begin(
        self, target: str, state: str, cause: str | None, since_wall: float
    ) -> None:
        """Begin the history of a target, with its state and since when."""
        since = max(self._start_wall, since_wall)
        self._histories[target] = TargetHistory(
            target, state, cause, since, self._coverage
        )

    def add(self, entry: JournalEntry) -> tuple[IntervalOrOutage, ...]:
        """Intervals and outages that a state change ends; none for other entries."""
        if entry.kind is not EntryKind.STATE:
            return ()
        data = entry.data
        change = StateChange(
            str(data["from"]), str(data["to"]), _text_or_none(data.get("cause"))
        )
        return self.history_of(entry.target, change.old).apply_change(
            entry.at_wall, change
        )

    def history_of(self, target: str, state: str) -> "TargetHistory":
        """History of a target; ``state`` is its first state where it has none yet."""
        if target not in self._histories:
            self.begin(target, state, UNKNOWN_CAUSE, self._start_wall)
        return self._histories[target]

    def close(
        self, until_wall: float, present: Container[str]
    ) -> list[IntervalOrOutage]:
        """Intervals and outages that are still open, up to ``until_wall``.

        Those of a target that is not ``present`` any more end with its last
        observation.
        """
        facts: list[IntervalOrOutage] = []
        for target, history in self._histories.items():
            if target in present:
                facts += history.close_interval(until_wall)
            else:
                facts += history.close_lost_target(until_wall)
            outage = history.end_outage(max(until_wall, history.since_wall))
            if outage is not None:
                facts.append(outage)
        return facts


class TargetHistory:
    """One target: its present state, since when, and its open outage."""

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
    def is_working(self) -> bool:
        """Is it healthy, or degraded?"""
        return self._kind is IntervalKind.UP

    def apply_change(
        self, at_wall: float, change: StateChange
    ) -> tuple[IntervalOrOutage, ...]:
        """Intervals and outages that a change of state ends."""
        at = max(at_wall, self.since_wall)
        is_consecutive = change.old == self.state
        facts = (
            self.close_interval(at) if is_consecutive else self.close_lost_target(at)
        )
        outage = self.enter(at, change.new, change.cause)
        return facts if outage is None else (*facts, outage)

    def enter(self, at: float, state: str, cause: str | None) -> Outage | None:
        """Enter another state; return the outage that this ends."""
        before, self.state, self.since_wall = self.state, state, at
        kind = _KINDS.get(state, IntervalKind.UNKNOWN)
        if kind is IntervalKind.PLANNED and self._is_trouble(before, state, cause):
            kind = IntervalKind.DOWN
        self._kind = kind
        if kind is IntervalKind.DOWN:
            if state != TargetState.MISSING:
                self._note_failure(at, state, cause)
            return None
        if kind is IntervalKind.UNKNOWN and cause == Cause.OWN_NETWORK:
            self._drop_excused_outage()
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

    def _note_failure(self, at: float, state: str, cause: str | None) -> None:
        if not self._open:
            self._open, self._began_wall = True, at
        if self._certain_wall is not None:
            return
        self._cause = cause or self._cause
        if state in _CERTAIN:
            self._certain_wall = at

    def _drop_excused_outage(self) -> None:
        """Drop an outage of Sidecar's own network, unless it was certain before."""
        if self._certain_wall is None or self._cause == Cause.DETACHED:
            self._reset()

    def close_interval(self, until: float) -> tuple[IntervalOrOutage, ...]:
        """Close the time in the present state; an outage stays open."""
        since = self.since_wall
        if until <= since or self._kind is IntervalKind.UNKNOWN:
            return ()
        if self._kind is not IntervalKind.DOWN:
            return (Interval(self.target, since, until, self._kind),)
        if self.state == TargetState.MISSING and not self._open:
            if until - since < _REDEPLOY_S:
                return (Interval(self.target, since, until, IntervalKind.PLANNED),)
            self._note_failure(since, self.state, Cause.MISSING)
            self._certain_wall = since + _REDEPLOY_S
        self._extend(since, until)
        return ()

    def _extend(self, since: float, until: float) -> None:
        if self._spans and self._spans[-1].until_wall == since:
            since = self._spans.pop().from_wall
        self._spans.append(TimeRange(since, until))

    def close_lost_target(self, at: float) -> tuple[IntervalOrOutage, ...]:
        """Close what is open of a target that was lost at some time before ``at``.

        It was lost when monitoring stopped in between; otherwise the time is not known.
        """
        end = self._coverage.end_of_stretch(self.since_wall)
        if end >= at:
            end = self.since_wall
        facts = self.close_interval(end)
        outage = self.end_outage(end)
        return facts if outage is None else (*facts, outage)

    def end_outage(self, at: float, *, repaired: bool = False) -> Outage | None:
        """End the open outage, and return it; None: there is none."""
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
