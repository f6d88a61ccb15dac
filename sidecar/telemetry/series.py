"""Counters and histograms in a tenth of the memory of the client library's.

Series are stored per owner (the first label), and dropped with it. Between two owners
a scrape may pause while the loop goes on: owners may be added or dropped meanwhile.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from prometheus_client.samples import Exemplar

from sidecar.telemetry.exposition import Exposition, SampleLines, number, quote_label
from sidecar.telemetry.metric_definitions import MetricDefinition


class _Count(NamedTuple):
    value: float
    exemplar: Exemplar | None


_ZERO = _Count(0.0, None)


class CounterFamily:
    """One counter for every combination of its labels."""

    def __init__(self, spec: MetricDefinition) -> None:
        self._spec = spec
        self._owners: dict[str, _OwnedCounts] = {}

    @property
    def is_by_target(self) -> bool:
        """Do its series belong to targets, and leave with them?"""
        return self._spec.labels[0] == "target"

    def start(self, owner: str, rest: tuple[tuple[str, ...], ...]) -> None:
        """Begin these series at zero, unless they exist.

        The tuple is kept: thousands of targets share it.
        """
        series = self._owners.setdefault(owner, _OwnedCounts())
        if series.begun is not rest:
            new = (labels for labels in rest if labels not in series.begun)
            series.begun = (*series.begun, *new) if series.begun else rest

    def add(
        self,
        owner: str,
        *rest: str,
        amount: float = 1.0,
        exemplar: Exemplar | None = None,
    ) -> None:
        """Count one, or another amount."""
        counts = self._owners.setdefault(owner, _OwnedCounts()).counts
        old = counts.get(rest, _ZERO)
        counts[rest] = _Count(old.value + amount, exemplar or old.exemplar)

    def forget(self, owner: str) -> None:
        """Drop every series of this owner."""
        self._owners.pop(owner, None)

    def text(self, scrape: Exposition) -> Iterator[str]:
        """The text of one scrape, one owner at a time."""
        yield scrape.head(self._spec)
        lines = SampleLines(self._spec.name, self._spec.labels)
        for owner, series in tuple(self._owners.items()):
            name = quote_label(owner)
            yield "".join(
                lines.line(name, rest, count.value, scrape.tail(count.exemplar))
                for rest, count in series.items()
            )


class _OwnedCounts:
    """The series of one owner: ``begun`` at zero; ``counts`` of what was counted."""

    __slots__ = ("begun", "counts")

    def __init__(self) -> None:
        self.begun: tuple[tuple[str, ...], ...] = ()
        self.counts: dict[tuple[str, ...], _Count] = {}

    def items(self) -> Iterator[tuple[tuple[str, ...], _Count]]:
        """All series with their counts: those that were begun first."""
        for labels in dict.fromkeys((*self.begun, *self.counts)):
            yield labels, self.counts.get(labels, _ZERO)


class _Buckets:
    __slots__ = ("counts", "exemplars", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}


class HistogramFamily:
    """One histogram of seconds for each owner."""

    def __init__(self, spec: MetricDefinition) -> None:
        self._spec = spec
        self._names = (*map(number, spec.buckets), "+Inf")
        self._owners: dict[str, _Buckets] = {}

    @property
    def is_by_target(self) -> bool:
        """Do its series belong to targets, and leave with them?"""
        return self._spec.labels[0] == "target"

    def start(self, owner: str) -> None:
        """Begin an empty histogram, unless it exists."""
        self._owners.setdefault(owner, _Buckets(len(self._names)))

    def add(self, owner: str, seconds: float, exemplar: Exemplar | None = None) -> None:
        """Count one observation."""
        self.start(owner)
        buckets = self._owners[owner]
        index = bisect_left(self._spec.buckets, seconds)
        buckets.counts[index] += 1
        buckets.total += seconds
        if exemplar is not None:
            buckets.exemplars[index] = exemplar

    def forget(self, owner: str) -> None:
        """Drop this owner's histogram."""
        self._owners.pop(owner, None)

    def text(self, scrape: Exposition) -> Iterator[str]:
        """The text of one scrape, one owner at a time."""
        name, labels = self._spec.name, self._spec.labels
        yield scrape.head(self._spec)
        bucket = SampleLines(f"{name}_bucket", (*labels, "le"))
        count, total = (
            SampleLines(f"{name}_count", labels),
            SampleLines(f"{name}_sum", labels),
        )
        for owner, buckets in tuple(self._owners.items()):
            owner_label = quote_label(owner)
            cumulated = tuple(accumulate(buckets.counts))
            lines = [
                bucket.line(
                    owner_label, (le,), upto, scrape.tail(buckets.exemplars.get(index))
                )
                for index, (le, upto) in enumerate(
                    zip(self._names, cumulated, strict=True)
                )
            ]
            lines.append(count.line(owner_label, (), cumulated[-1]))
            lines.append(total.line(owner_label, (), buckets.total))
            yield "".join(lines)
