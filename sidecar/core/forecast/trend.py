"""Trend of points by Theil-Sen: the median of the slopes between all pairs."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

Point = tuple[float, float]


class Trend(NamedTuple):
    """A line through points, with the range of its slope.

    ``low`` and ``high`` are the 10th and 90th percentile of the slopes between pairs
    that are at least a third of the time apart; ``residual`` is the median distance of
    the points from the line.
    """

    slope: float
    low: float
    high: float
    intercept: float
    residual: float

    def at(self, x: float) -> float:
        """The line's value."""
        return self.intercept + self.slope * x


def fit_trend(points: Sequence[Point]) -> Trend:
    """Trend of two points or more, at different times."""
    slopes = sorted(
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2)
    )
    apart = (points[-1][0] - points[0][0]) / 3.0
    distant = sorted(
        (y2 - y1) / (x2 - x1)
        for (x1, y1), (x2, y2) in combinations(points, 2)
        if x2 - x1 >= apart
    )
    slope = percentile(slopes, 0.5)
    intercept = median([y - slope * x for x, y in points])
    residual = median([abs(y - intercept - slope * x) for x, y in points])
    low, high = percentile(distant, 0.1), percentile(distant, 0.9)
    return Trend(slope, low, high, intercept, residual)


def median(values: Sequence[float]) -> float:
    """The median of one value or more."""
    return percentile(sorted(values), 0.5)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the ordered values lies; interpolated.

    (The module ``statistics`` would cost each process a megabyte.)
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
