"""The time at which a container's memory reaches its limit, or why nobody knows."""

from collections.abc import Sequence

from sidecar.core.forecast.earlier_runs import compare_growth, has_levelled
from sidecar.core.forecast.shapes import find_other_shape
from sidecar.core.forecast.trend import Point, Trend, fit_trend
from sidecar.core.model.memory import (
    LimitForecast,
    MemoryHistory,
    MemoryWindow,
    Silence,
)

LEAST_WINDOWS = 12
DAY_S = 86400.0
EVEN = 0.4
"""Each half of a rise grows at least at this part of the whole's rate."""
CLEAR = 4.0
"""A rise is at least so many times as high as its points are from the line."""
SWING = 0.75
REACH = 1.0
"""A forecast reaches no further ahead than the time that was seen..."""
REACH_IN_A_DAY = 0.5
"""...and half as far while that is less than a day: a daily wave rises as long."""


def forecast_limit(history: MemoryHistory, at_mono: float) -> LimitForecast:
    """Forecast for the present run.

    The whole run counts, without its beginning; if that shows no trend, its later
    half, so that a trend that begins late is found.
    """
    sample = history.last
    if sample.anon_bytes is None or sample.held_bytes is None:
        return LimitForecast(at_mono, Silence.NOT_MEASURED)
    if sample.limit_bytes is None:
        return LimitForecast(at_mono, Silence.NO_LIMIT)
    windows = history.windows
    if len(windows) < LEAST_WINDOWS:
        return LimitForecast(at_mono, Silence.TOO_SHORT)
    room_bytes = sample.limit_bytes - max(0.0, sample.held_bytes - sample.anon_bytes)
    forecasts = [
        _forecast_stretch(history, stretch, room_bytes, at_mono)
        for stretch in _stretches(windows)
    ]
    spoken = (f for f in forecasts if f.silence is None)
    far = (f for f in forecasts if f.silence is Silence.FAR)
    return next(spoken, None) or next(far, None) or forecasts[0]


def _stretches(windows: Sequence[MemoryWindow]) -> list[Sequence[MemoryWindow]]:
    whole = windows[len(windows) // 8 :]
    half = windows[len(windows) // 2 :]
    return [part for part in (whole, half) if len(part) >= LEAST_WINDOWS - 1]


def _forecast_stretch(
    history: MemoryHistory,
    windows: Sequence[MemoryWindow],
    room_bytes: float,
    at_mono: float,
) -> LimitForecast:
    points = [(window.at_s, window.floor_bytes) for window in windows]
    trend = fit_trend(points)
    silence = _find_silence(points, trend, room_bytes) or _find_precedent(
        history, trend
    )
    if silence is not None:
        return LimitForecast(at_mono, silence, trend.slope)
    span_s = points[-1][0] - points[0][0]
    age_s = at_mono - history.began_mono
    swing_bytes = _find_swing(windows, trend, history.window_s)
    room_left = room_bytes - swing_bytes - trend.at(age_s)
    left_s = max(0.0, room_left / trend.slope)
    reach = REACH if span_s >= DAY_S else REACH_IN_A_DAY
    return LimitForecast(
        at_mono,
        Silence.FAR if left_s > reach * span_s else None,
        trend.slope,
        at_mono + left_s,
        at_mono + max(0.0, room_left / max(trend.high, trend.slope)),
        at_mono + max(0.0, room_left / min(trend.low, trend.slope)),
        compare_growth(history, trend.slope),
    )


def _find_silence(
    points: Sequence[Point], trend: Trend, room_bytes: float
) -> Silence | None:
    """Why these points are no even rise; None: they are one."""
    if trend.slope <= 0.0:
        return Silence.NOT_RISING
    rise = trend.slope * (points[-1][0] - points[0][0])
    if trend.low <= 0.0 or rise < CLEAR * trend.residual:
        return Silence.NOISY
    middle = len(points) // 2
    halves = fit_trend(points[:middle]), fit_trend(points[middle:])
    if min(half.slope for half in halves) < EVEN * trend.slope:
        return Silence.UNEVEN
    return find_other_shape(points, room_bytes)


def _find_precedent(history: MemoryHistory, trend: Trend) -> Silence | None:
    levelled = has_levelled(history, trend.slope)
    return Silence.LEVELLED_BEFORE if levelled else None


def _find_swing(
    windows: Sequence[MemoryWindow], trend: Trend, window_s: float
) -> float:
    """Height of the highest values above the line of the lowest.

    The highest value of a window may be at its end.
    """
    growth = trend.slope * window_s
    swings = sorted(w.top_bytes - trend.at(w.at_s) - growth for w in windows)
    return max(0.0, swings[int(SWING * len(swings))])
