"""The judgement of a soak: wrong actions, growth, addresses, times. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from benchmarks.soak_plan import Beside, FaultKind, Part

LIFECYCLE = frozenset({"restart", "start", "stop"})
MOST_TRIES = 2
"""Restarts for one fault; the second only follows a first that did not help in time."""
HOURLY_LIMIT = 10
"""Restarts that Sidecar makes in a stack within an hour, without those ordered."""
HOUR_S = 3600.0
LEAST_SAMPLES = 6
"""Samples of each window; fewer say nothing about growth."""


class Outcome(StrEnum):
    """End of a fault."""

    HEALED = "healed"
    ORDERED = "healed on order"
    """Held by the limit of restarts an hour, then healed as an operator ordered."""
    LEFT = "left alone"
    FAILED = "failed"


class Act(NamedTuple):
    """A changing request to the engine; ``part`` None: on a foreign container."""

    at: float
    verb: str
    part: Part | None


class FaultRecord(NamedTuple):
    """One fault and its end. ``bound_s``: within which ``took_s`` is right."""

    kind: FaultKind
    beside: Beside
    began_at: float
    ended_at: float
    outcome: Outcome
    took_s: float
    bound_s: float
    note: str = ""

    @property
    def is_right(self) -> bool:
        """Whether it was treated rightly and in time."""
        return self.outcome is not Outcome.FAILED and self.took_s <= self.bound_s


class Sample(NamedTuple):
    """One measurement of a sidecar; ``life`` names the run of its process."""

    at: float
    life: str
    rss_mb: float
    pss_mb: float
    processes: float
    open_files: float
    threads: float
    engine_connections: float
    store_mb: float
    outbox: float


@dataclass(frozen=True)
class StackRecord:
    """Observations of one stack.

    ``given_up``: addresses lost by restarts that the soak ordered without waiting.
    """

    faults: Sequence[FaultRecord]
    acts: Sequence[Act]
    samples: Sequence[Sample]
    handed_out: int
    lost_addresses: Sequence[str] = ()
    given_up: int = 0


class WrongAct(NamedTuple):
    """An action that was not right, and why."""

    act: Act
    why: str


def find_wrong_acts(
    faults: Sequence[FaultRecord], acts: Iterable[Act]
) -> tuple[WrongAct, ...]:
    """Actions without a fault under way, elsewhere, of another kind, or too many."""
    wrong_acts = []
    tries: dict[FaultRecord, int] = {}
    automatic: list[float] = []
    for act in acts:
        fault = _find_fault(faults, act)
        why = _find_objection(fault, act)
        if fault is not None and act.verb in LIFECYCLE:
            tries[fault] = tries.get(fault, 0) + 1
            if tries[fault] > MOST_TRIES and not why:
                why = f"try {tries[fault]} against one fault"
            if fault.outcome is not Outcome.ORDERED and fault.kind.name != "order":
                automatic.append(act.at)
            hour = [at for at in automatic if act.at - at < HOUR_S]
            if len(hour) > HOURLY_LIMIT and not why:
                why = f"restart {len(hour)} within an hour"
        if why:
            wrong_acts.append(WrongAct(act, why))
    return tuple(wrong_acts)


def _find_fault(faults: Iterable[FaultRecord], act: Act) -> FaultRecord | None:
    under_way = (each for each in faults if each.began_at <= act.at <= each.ended_at)
    return next(under_way, None)


def _find_objection(fault: FaultRecord | None, act: Act) -> str:
    if act.part is None:
        return "not a container of the stack"
    if fault is None:
        return "no fault was under way"
    if not fault.kind.is_healed:
        return f"no restart cures: {fault.kind.what}"
    if act.part is not fault.kind.part:
        return f"the fault was another's: {fault.kind.what}"
    if act.verb not in fault.kind.verbs:
        return f"no remedy of: {fault.kind.what}"
    return ""


# --- growth ---------------------------------------------------------------------


class Growth(NamedTuple):
    """Medians of a measurement, early and late in the longest life."""

    early: float
    late: float

    @property
    def by(self) -> float:
        """Seconds by which it is late."""
        return self.late - self.early


def find_growth(
    samples: Sequence[Sample], name: str, warm_up_s: float
) -> Growth | None:
    """Growth of a measurement in the longest life, without its first ``warm_up_s``.

    The median of the first third beside that of the last third. None: too few samples.
    """
    life = _longest_life(samples)
    warm = [each for each in life if each.at - life[0].at >= warm_up_s]
    third = len(warm) // 3
    if third < LEAST_SAMPLES:
        return None
    values = [float(getattr(each, name)) for each in warm]
    return Growth(median(values[:third]), median(values[-third:]))


def _longest_life(samples: Sequence[Sample]) -> list[Sample]:
    lives = [list(life) for _, life in groupby(samples, attrgetter("life"))]
    return max(lives, key=lambda life: life[-1].at - life[0].at, default=[])


# --- sums -----------------------------------------------------------------------


class KindSummary(NamedTuple):
    """All faults of one kind. ``took_s`` and ``bound_s``: of those in time or not."""

    kind: FaultKind
    counts: dict[Outcome, int]
    took_s: list[float]
    bound_s: float
    wrong: list[FaultRecord]


def summarize_kinds(faults: Iterable[FaultRecord]) -> Iterator[KindSummary]:
    """One summary for each kind, in order of their names."""
    ordered = sorted(faults, key=lambda fault: fault.kind.name)
    for _, group in groupby(ordered, lambda fault: fault.kind.name):
        these = list(group)
        counts = dict.fromkeys(Outcome, 0)
        for fault in these:
            counts[fault.outcome] += 1
        yield KindSummary(
            these[0].kind,
            counts,
            [fault.took_s for fault in these],
            max(fault.bound_s for fault in these),
            [fault for fault in these if not fault.is_right],
        )
