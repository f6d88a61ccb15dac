"""One incident with all that is known of it, and the success of remedies."""

from msgspec import Struct, field

from sidecar.api_types.records import Amounts, Evidence
from sidecar.api_types.status import IncidentSummary
from sidecar.api_types.words import (
    ActionName,
    CauseName,
    ComparisonName,
    EntryKindName,
    Instant,
    OutcomeName,
    RemedyName,
    TriggerName,
)


class Impact(Struct, frozen=True):
    """Outage of a target; ``until`` is null while it lasts."""

    target: str
    from_: Instant = field(name="from")
    until: Instant | None
    down_seconds: float
    unmeasured_seconds: float


class TimelineLine(Struct, frozen=True):
    """A line of the timeline; it happened ``count`` times until ``until``."""

    at: Instant
    until: Instant
    kind: EntryKindName
    target: str
    text: str
    count: int


class RemedySummary(Struct, frozen=True):
    """A remedy that ended."""

    at: Instant
    target: str
    action: ActionName
    trigger: TriggerName
    cause: CauseName | None
    outcome: OutcomeName
    reason: str
    seconds: float


class BalanceSummary(Struct, frozen=True):
    """A wallet's balance around a remedy; null: not known, or not authorised."""

    at: Instant
    target: str
    comparison: ComparisonName
    reason: str
    before: Amounts | None
    after: Amounts | None


class RemedyStatistics(Struct, frozen=True):
    """Tries and successes of a remedy for a cause of a target."""

    target: str
    cause: CauseName
    remedy: RemedyName
    tries: int
    recovered: int
    median_seconds: float | None


class RemedyList(Struct, frozen=True):
    """Success of each remedy against each cause."""

    remedies: tuple[RemedyStatistics, ...]


class IncidentDetail(IncidentSummary, frozen=True, kw_only=True):
    """An incident with its impact, timeline and remedies.

    ``seconds`` from the first failure to the end, or until now. ``evidence`` needs
    authorisation.
    """

    seconds: float
    impact: tuple[Impact, ...]
    timeline: tuple[TimelineLine, ...]
    timeline_left_out: int
    remedies: tuple[RemedySummary, ...]
    balances: tuple[BalanceSummary, ...]
    efficacy: tuple[RemedyStatistics, ...]
    evidence: tuple[Evidence, ...]
