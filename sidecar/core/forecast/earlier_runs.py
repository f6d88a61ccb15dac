"""Comparison of a run's growth with earlier runs of the same image."""

from sidecar.core.forecast.trend import fit_trend, median
from sidecar.core.model.memory import MemoryHistory, RunGrowth

KEPT_RUNS = 5
_LEAST_WINDOWS = 6
_LEVEL = 0.1
"""A stretch is level if it grows at less than this part of the rate before."""


def summarize_run(history: MemoryHistory) -> tuple[RunGrowth, ...]:
    """The earlier runs with this one, the last KEPT_RUNS; one too short is left out."""
    windows = history.windows
    if len(windows) < _LEAST_WINDOWS:
        return history.earlier
    points = [(window.at_s, window.floor_bytes) for window in windows]
    half, third = len(points) // 2, len(points) // 3
    first, last = fit_trend(points[:half]), fit_trend(points[-max(third, 2) :])
    growth = RunGrowth(
        history.image,
        points[-1][0] - points[0][0],
        first.slope,
        max(window.top_bytes for window in windows),
        levelled=first.slope > 0.0 and last.slope < _LEVEL * first.slope,
    )
    return (*history.earlier, growth)[-KEPT_RUNS:]


def compare_growth(history: MemoryHistory, slope: float) -> float | None:
    """Ratio of a slope to the median slope of the earlier runs of the image.

    None: there are no earlier runs, or they did not grow.
    """
    slopes = [run.slope_bytes_per_s for run in _same_image(history)]
    usual = median(slopes) if slopes else 0.0
    return slope / usual if usual > 0.0 else None


def has_levelled(history: MemoryHistory, slope: float) -> bool:
    """Did the last run grow at least as fast, and then level off above this run's top?

    Then the present rise is the usual warm-up.
    """
    runs = _same_image(history)
    if not runs or not runs[-1].levelled:
        return False
    top = max((window.top_bytes for window in history.windows), default=0.0)
    return slope <= 1.5 * runs[-1].slope_bytes_per_s and top <= runs[-1].top_bytes


def _same_image(history: MemoryHistory) -> list[RunGrowth]:
    return [run for run in history.earlier if run.image == history.image]
