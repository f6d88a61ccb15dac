"""Sums of a period: time up and down, outages, remedies."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.journal_entry import RemedySummary
from sidecar.core.reporting.outage_patterns import OutagePattern


@dataclass(slots=True)
class CauseTotals:
    """Number of certain outages of one cause, and all its time, uncertain included."""

    outages: int = 0
    down_s: float = 0.0


@dataclass(slots=True)
class Totals:
    """Sums of a period, which add up when a period is cut in two.

    ``outages`` are counted when they become certain; ``blips`` are failures that end
    before that. ``repaired`` and ``repair_s`` count outages at their end, from the
    first failure. ``down_s`` includes all of them. ``data_from_wall`` is the first
    instant at which the state was known; None: it never was.
    """

    window_s: float = 0.0
    data_from_wall: float | None = None
    up_s: float = 0.0
    down_s: float = 0.0
    planned_s: float = 0.0
    stopped_s: float = 0.0
    outages: int = 0
    blips: int = 0
    repaired: int = 0
    repair_s: float = 0.0
    causes: dict[str, CauseTotals] = field(default_factory=dict)
    remedies: Counter[RemedySummary] = field(default_factory=Counter)

    @property
    def gap_s(self) -> float:
        """Time that was not monitored, or in which the state was not known."""
        known_s = self.up_s + self.down_s + self.planned_s + self.stopped_s
        return max(0.0, self.window_s - known_s)

    @property
    def measured_s(self) -> float:
        """Time that counts for the availability.

        Time of a stop or restart on purpose counts neither way.
        """
        return self.up_s + self.down_s

    @property
    def availability(self) -> float | None:
        """The share of the measured time in which it worked; None: no data."""
        return self.up_s / self.measured_s if self.measured_s > 0 else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to repair, from the first failure; None: no outage was repaired."""
        return self.repair_s / self.repaired if self.repaired else None

    @property
    def mtbf_s(self) -> float | None:
        """Mean time between outages in which it worked; None: there was no outage."""
        return self.up_s / self.outages if self.outages else None

    def totals_of(self, name: str) -> CauseTotals:
        """The sums of one cause."""
        totals = self.causes.get(name)
        if totals is None:
            totals = self.causes[name] = CauseTotals()
        return totals

    def has_data_at(self, wall: float) -> bool:
        """Is the state known from this instant on, or from an earlier one?"""
        return self.data_from_wall is not None and self.data_from_wall <= wall

    def note_data(self, from_wall: float | None) -> None:
        """Note that the state was known at this instant; None: it was not."""
        if from_wall is not None and not self.has_data_at(from_wall):
            self.data_from_wall = from_wall

    def add_pattern(self, pattern: OutagePattern, down_s: float) -> None:
        """Add an outage of this pattern that began and ended in the period."""
        self.down_s += down_s
        cause = self.totals_of(pattern.cause)
        cause.down_s += down_s
        for kind in pattern.remedies:
            self.remedies[kind] += 1
        if not pattern.certain:
            self.blips += 1
            return
        self.outages += 1
        cause.outages += 1
        self.repaired += 1
        self.repair_s += down_s

    def add(self, other: "Totals") -> None:
        """Add the sums of another period or target."""
        self.window_s += other.window_s
        self.note_data(other.data_from_wall)
        self.up_s += other.up_s
        self.down_s += other.down_s
        self.planned_s += other.planned_s
        self.stopped_s += other.stopped_s
        self.outages += other.outages
        self.blips += other.blips
        self.repaired += other.repaired
        self.repair_s += other.repair_s
        self.remedies.update(other.remedies)
        for name, theirs in other.causes.items():
            ours = self.totals_of(name)
            ours.outages += theirs.outages
            ours.down_s += theirs.down_s


class PeriodComparison(NamedTuple):
    """Sums of one target in the period and in the one before."""

    now: Totals
    before: Totals
