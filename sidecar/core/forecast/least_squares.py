"""Least squares with a few given functions, for the comparison of shapes."""

from collections.abc import Callable, Sequence

from sidecar.core.forecast.trend import Point

Function = Callable[[float], float]


def fit_functions(
    points: Sequence[Point], functions: Sequence[Function]
) -> tuple[list[float], float]:
    """The best factors of the functions, and the sum of the squared errors.

    Functions that are nearly the same on the points get factors of no use.
    """
    columns = [[function(x) for x, _ in points] for function in functions]
    values = [y for _, y in points]
    rows = [[*(_product(a, b) for b in columns), _product(a, values)] for a in columns]
    factors = _solve(rows)
    errors = (
        y - sum(f * column[nth] for f, column in zip(factors, columns, strict=True))
        for nth, y in enumerate(values)
    )
    return factors, sum(error * error for error in errors)


def _product(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _solve(rows: list[list[float]]) -> list[float]:
    """Gauss elimination; a row per equation, its last number is the right side."""
    size = len(rows)
    for nth in range(size):
        pivot = max(range(nth, size), key=lambda row: abs(rows[row][nth]))
        rows[nth], rows[pivot] = rows[pivot], rows[nth]
        if rows[nth][nth] == 0.0:
            return [0.0] * size
        for row in range(size):
            if row != nth:
                factor = rows[row][nth] / rows[nth][nth]
                rows[row] = [
                    value - factor * other
                    for value, other in zip(rows[row], rows[nth], strict=True)
                ]
    return [row[size] / row[nth] for nth, row in enumerate(rows)]
