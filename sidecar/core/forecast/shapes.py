"""Other shapes than a line that a rise may have, and that reach no limit.

A shape counts if it explains the points better than a line, by the Bayesian
information criterion: each number that is fitted has its price.
"""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from math import cos, exp, log, pi, sin

from sidecar.core.forecast.least_squares import Function, fit_functions
from sidecar.core.forecast.trend import Point
from sidecar.core.model.memory import Silence

MOST_STEPS = 3
_DAY_S = 86400.0
_WAVE_SPAN_S = 2.0 * _DAY_S
"""In a longer time a daily wave shows its falls."""
_TIMES = (0.25, 0.5, 1.0, 2.0)
"""Time constants of a rise that levels off, as parts of the time that was seen."""


def find_other_shape(points: Sequence[Point], room: float) -> Silence | None:
    """The shape that explains the points better than a line; None: a line is best.

    ``room``: the height that must not be reached.
    """
    start, end = points[0][0], points[-1][0]
    span = end - start
    scaled = [((x - start) / span, y) for x, y in points]
    noise = _least_error([y for _, y in points])
    _, line_error = fit_functions(scaled, (_one, _self))
    line_cost = _cost(len(points), line_error, 2, noise)

    def is_better(error: float, numbers: int) -> bool:
        return _cost(len(points), error, numbers, noise) < line_cost

    step_errors = _errors_by_steps([y for _, y in points])
    if any(is_better(e, 2 * steps + 1) for steps, e in enumerate(step_errors)):
        return Silence.STEPS
    if span < _WAVE_SPAN_S and is_better(_wave_error(scaled, span), 4):
        return Silence.DAILY_WAVE
    for time in _TIMES:
        (top, _), error = fit_functions(scaled, (_one, partial(_decay, time)))
        if top < room and is_better(error, 3):
            return Silence.LEVELLING
    return None


def _one(_: float) -> float:
    return 1.0


def _self(x: float) -> float:
    return x


def _decay(time: float, x: float) -> float:
    return exp(-x / time)


def _wave_error(scaled: Sequence[Point], span: float) -> float:
    turn = 2.0 * pi * span / _DAY_S
    functions: tuple[Function, ...] = (
        _one,
        lambda x: sin(turn * x),
        lambda x: cos(turn * x),
    )
    return fit_functions(scaled, functions)[1]


def _cost(count: int, error: float, numbers: int, noise: float) -> float:
    return count * log(max(error, noise) / count) + numbers * log(count)


def _least_error(values: Sequence[float]) -> float:
    """An error that counts as none: a perfect fit has no logarithm."""
    spread = max(values) - min(values)
    return max(1e-6 * spread * spread, 1e-9)


def _errors_by_steps(values: Sequence[float]) -> list[float]:
    """Sum of squared errors of the best fit with 0, 1, ... MOST_STEPS steps."""
    sums = [0.0, *accumulate(values)]
    squares = [0.0, *accumulate(v * v for v in values)]

    def error(start: int, end: int) -> float:
        total = sums[end] - sums[start]
        spread = squares[end] - squares[start] - total * total / (end - start)
        return max(0.0, spread)

    count = len(values)
    best = [error(0, end) for end in range(1, count + 1)]
    errors = [best[-1]]
    for steps in range(1, MOST_STEPS + 1):
        longer = [0.0] * count
        for end in range(steps, count):
            longer[end] = min(
                best[cut - 1] + error(cut, end + 1) for cut in range(steps, end + 1)
            )
        best = longer
        errors.append(best[-1])
    return errors
