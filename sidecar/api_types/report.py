"""Availability, outages and restarts of a period, and of the period before.

A figure is null where there is no data. An earlier sidecar does not send ``data_from``
and ``measured_seconds``.
"""

from msgspec import UNSET, Struct, UnsetType, field

from sidecar.api_types.words import (
    ActionName,
    CauseName,
    Instant,
    OutcomeName,
    Share,
    TriggerName,
)


class Period(Struct, frozen=True):
    """A range of time; ``until`` is excluded."""

    from_: Instant = field(name="from")
    until: Instant


class CauseTotals(Struct, frozen=True):
    """Outages of one cause."""

    cause: CauseName
    outages: int
    down_seconds: float


class RemedyCount(Struct, frozen=True):
    """Number of remedies with this outcome."""

    action: ActionName
    trigger: TriggerName
    outcome: OutcomeName
    count: int


class PeriodTotals(Struct, frozen=True, kw_only=True):
    """The figures of one period; ``data_from``: its first instant with data."""

    availability: Share | None
    measured_seconds: float | None = None
    data_from: Instant | UnsetType | None = UNSET
    up_seconds: float
    down_seconds: float
    planned_seconds: float
    stopped_seconds: float
    gap_seconds: float
    outages: int
    blips: int
    mttr_seconds: float | None
    mtbf_seconds: float | None
    causes: tuple[CauseTotals, ...]
    restarts: int
    remedies: tuple[RemedyCount, ...]


class TotalsWithBefore(PeriodTotals, frozen=True, kw_only=True):
    """The figures of a period, and those of the period before."""

    before: PeriodTotals | None


class TargetTotals(TotalsWithBefore, frozen=True, kw_only=True):
    """The figures of one target."""

    target: str


class AvailabilityReport(Struct, frozen=True, kw_only=True):
    """Figures of every target; ``gaps``: the longest times without watching."""

    period: Period
    before: Period
    data_from: Instant | UnsetType | None = UNSET
    unwatched_seconds: float
    gaps: tuple[Period, ...]
    total: TotalsWithBefore
    targets: tuple[TargetTotals, ...]
