"""Sums of a period: time up and down, outages, remedies."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.journal_entry import (
    RemedySummary,
)
from sidecar.core.reporting.outage_patterns import (
    OutagePattern,
)


@dataclass(slots=True)
class CauseTotals:
    """Outages of one cause that became certain, and all that it took of the time."""

    outages: int = 0
    down_s: float = 0.0


@dataclass(slots=True)
class Totals:
    """Sums, which add up when a period is cut in two.

    ``outages`` are counted when they became certain; ``blips`` are failures that
    passed before that. ``repaired`` and ``repair_s`` count outages at their end,
    from the first failure. ``down_s`` holds all of them.
    """

    window_s: float = 0.0
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
        """Not watched, or its state was not known."""
        seen = self.up_s + self.down_s + self.planned_s + self.stopped_s
        return max(0.0, self.window_s - seen)

    @property
    def availability(self) -> float | None:
        """The share of the measured time in which it worked; None: no data.

        What was stopped or restarted on purpose counts neither way.
        """
        measured_s = self.up_s + self.down_s
        return self.up_s / measured_s if measured_s > 0 else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to repair, from the first failure; None: nothing was repaired."""
        return self.repair_s / self.repaired if self.repaired else None

    @property
    def mtbf_s(self) -> float | None:
        """Mean time that it worked between outages; None: there was none."""
        return self.up_s / self.outages if self.outages else None

    def cause(self, name: str) -> CauseTotals:
        """The sums of one cause."""
        known = self.causes.get(name)
        if known is None:
            known = self.causes[name] = CauseTotals()
        return known

    def trouble(self, trouble: OutagePattern, down_s: float) -> None:
        """Take in one that began and ended in the period."""
        self.down_s += down_s
        cause = self.cause(trouble.cause)
        cause.down_s += down_s
        for kind in trouble.remedies:
            self.remedies[kind] += 1
        if not trouble.certain:
            self.blips += 1
            return
        self.outages += 1
        cause.outages += 1
        self.repaired += 1
        self.repair_s += down_s

    def add(self, other: "Totals") -> None:
        """Take in another's sums."""
        self.window_s += other.window_s
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
            ours = self.cause(name)
            ours.outages += theirs.outages
            ours.down_s += theirs.down_s


class PeriodComparison(NamedTuple):
    """One target in the period and in the one before."""

    now: Totals
    before: Totals
