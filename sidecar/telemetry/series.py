"""Counters and histograms in little memory: the client's own take ten times as much.

Series are kept per owner (the first label), so that they leave with it. Written by
the loop's thread, read by any: readers copy, and a copy of a dict's items is one step
of the interpreter.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from sidecar.telemetry.catalogue import Spec


class _Count(NamedTuple):
    value: float
    exemplar: Exemplar | None


_ZERO = _Count(0.0, None)


class Counters:
    """One counter for every combination of its labels."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._owners: dict[str, dict[tuple[str, ...], _Count]] = {}

    def start(self, owner: str, rest: Iterable[tuple[str, ...]]) -> None:
        """Begin these at zero, where they have not begun."""
        series = self._owners.setdefault(owner, {})
        for labels in rest:
            series.setdefault(labels, _ZERO)

    def add(self, owner: str, *rest: str, exemplar: Exemplar | None = None) -> None:
        """Count one."""
        series = self._owners.setdefault(owner, {})
        old = series.get(rest, _ZERO)
        series[rest] = _Count(old.value + 1, exemplar or old.exemplar)

    def forget(self, owner: str) -> None:
        """Drop every series of this owner."""
        self._owners.pop(owner, None)

    def family(self) -> CounterMetricFamily:
        """A snapshot for one scrape."""
        spec = self._spec
        family = CounterMetricFamily(spec.name, spec.help, labels=spec.labels)
        for owner, series in list(self._owners.items()):
            for rest, count in list(series.items()):
                family.add_metric((owner, *rest), count.value, exemplar=count.exemplar)
        return family


class _Buckets:
    __slots__ = ("counts", "exemplars", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}


class Histograms:
    """One histogram of seconds for each owner."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._names = (*map(floatToGoString, spec.buckets), "+Inf")
        self._owners: dict[str, _Buckets] = {}

    def start(self, owner: str) -> None:
        """Begin empty, where it has not begun."""
        self._owners.setdefault(owner, _Buckets(len(self._names)))

    def add(self, owner: str, seconds: float, exemplar: Exemplar | None = None) -> None:
        """Count one observation."""
        self.start(owner)
        buckets = self._owners[owner]
        which = bisect_left(self._spec.buckets, seconds)
        buckets.counts[which] += 1
        buckets.total += seconds
        if exemplar is not None:
            buckets.exemplars[which] = exemplar

    def forget(self, owner: str) -> None:
        """Drop this owner's histogram."""
        self._owners.pop(owner, None)

    def family(self) -> HistogramMetricFamily:
        """A snapshot for one scrape."""
        spec = self._spec
        family = HistogramMetricFamily(spec.name, spec.help, labels=spec.labels)
        for owner, buckets in list(self._owners.items()):
            family.add_metric((owner,), self._cumulated(buckets), buckets.total)
        return family

    def _cumulated(
        self, buckets: _Buckets
    ) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
        found: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        so_far = 0.0
        for which, (name, count) in enumerate(
            zip(self._names, list(buckets.counts), strict=True)
        ):
            so_far += count
            exemplar = buckets.exemplars.get(which)
            found.append((name, so_far, exemplar) if exemplar else (name, so_far))
        return found
