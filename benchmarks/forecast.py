"""Forecast of the memory limit, on synthetic worlds with fixed seeds.

A forecast is made each time that the program would make one, from the first sample to
the last. A harmless series counts as a false alarm if one of them names an hour. A
leak counts as found if one does before the limit is reached; the first such hour is
compared with the true one, relative to the time that was left.
"""

import random
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

from benchmarks.memory_worlds import HARMLESS, LEAKS, Series
from benchmarks.table import Row
from sidecar.core.forecast.limit import forecast_limit
from sidecar.core.forecast.samples import SAMPLES_IN_WINDOW, add_sample
from sidecar.core.model.container import RunId
from sidecar.core.model.memory import LimitForecast, MemoryHistory

SERIES, QUICK_SERIES = 400, 60
OWED_FALSE = 0.01
OWED_FOUND = {"leak": 0.95, "slow leak": 0.8, "sawtooth with leak": 0.8}
OWED_ERROR = 0.2


class Findings(NamedTuple):
    """Forecasts of one world.

    ``spoken``: number of series with an hour. ``errors``: of the first hour of each,
    relative to the time left; ``in_range``: number of those whose range was right.
    ``shares_left``: the time left then, as a part of the whole.
    """

    series: int
    spoken: int
    errors: tuple[float, ...] = ()
    in_range: int = 0
    shares_left: tuple[float, ...] = ()


def measure(*, quick: bool) -> list[Row]:
    """A row for each world."""
    return list(_rows(QUICK_SERIES if quick else SERIES))


def _rows(count: int) -> Iterator[Row]:
    for name, world in HARMLESS.items():
        findings = judge_world(name, world, count)
        share = findings.spoken / findings.series
        yield Row(
            f"memory forecast, {name}: false alarms",
            f"{findings.spoken} of {findings.series}",
            owed=f"≤ {OWED_FALSE:.0%}",
            is_met=share <= OWED_FALSE,
        )
    for name, world in LEAKS.items():
        findings = judge_world(name, world, count)
        share = findings.spoken / findings.series
        yield Row(
            f"memory forecast, {name}: found",
            f"{share:.1%} of {findings.series}, with "
            f"{median(findings.shares_left):.0%} of the time left",
            owed=f"≥ {OWED_FOUND[name]:.0%}",
            is_met=share >= OWED_FOUND[name],
        )
        close = sum(error <= OWED_ERROR for error in findings.errors) / findings.spoken
        error = median(findings.errors)
        yield Row(
            f"memory forecast, {name}: error of the hour (median)",
            f"{error:.1%} of the time left; {close:.0%} within {OWED_ERROR:.0%}; "
            f"{findings.in_range / findings.spoken:.0%} within the range said",
            owed=f"≤ {OWED_ERROR:.0%}",
            is_met=error <= OWED_ERROR,
        )


def judge_world(
    name: str, world: Callable[[random.Random], Series], count: int
) -> Findings:
    """Forecast ``count`` series of a world; always the same ones."""
    spoken, in_range = 0, 0
    errors: list[float] = []
    shares_left: list[float] = []
    for number in range(count):
        series = world(random.Random(f"{name} {number}"))
        first = next((f for f in forecasts(series) if f.silence is None), None)
        if first is None:
            continue
        spoken += 1
        killed_s = series.killed_s
        if killed_s is None:
            continue
        assert first.limit_mono is not None
        assert first.earliest_mono is not None
        assert first.latest_mono is not None
        left_s = killed_s - first.at_mono
        errors.append(abs(first.limit_mono - killed_s) / left_s)
        in_range += first.earliest_mono <= killed_s <= first.latest_mono
        shares_left.append(left_s / killed_s)
    return Findings(count, spoken, tuple(errors), in_range, tuple(shares_left))


def forecasts(series: Series) -> Iterator[LimitForecast]:
    """The forecasts of a series, one for each complete window."""
    history = MemoryHistory(
        run=RunId("synthetic", 1.0),
        image="",
        began_mono=0.0,
        last=series.samples[0],
        last_mono=0.0,
        window_s=series.every_s * SAMPLES_IN_WINDOW,
    )
    for number, sample in enumerate(series.samples):
        at_mono = number * series.every_s
        before = history.windows
        history = add_sample(history, sample, at_mono)
        if history.windows is not before:
            yield forecast_limit(history, at_mono)


if __name__ == "__main__":
    from benchmarks.table import markdown

    print(markdown(measure(quick=False)))
