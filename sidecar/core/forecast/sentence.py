"""The forecast as a reason: what to expect, or why there is nothing to say."""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.core.model.memory import LimitForecast, MemoryHistory, Silence
from sidecar.core.model.moment import Moment
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

_MIB = 2**20
_HOUR_S = 3600.0
_NOTABLE = 1.5
"""A growth so many times as fast as before is worth a word."""

_SILENCES: Mapping[Silence, R] = MappingProxyType(
    {
        Silence.NOT_MEASURED: R.FORECAST_NOT_MEASURED,
        Silence.NO_LIMIT: R.FORECAST_NO_LIMIT,
        Silence.TOO_SHORT: R.FORECAST_TOO_SHORT,
        Silence.NOT_RISING: R.FORECAST_NOT_RISING,
        Silence.NOISY: R.FORECAST_NOISY,
        Silence.STEPS: R.FORECAST_STEPS,
        Silence.DAILY_WAVE: R.FORECAST_DAILY_WAVE,
        Silence.LEVELLING: R.FORECAST_LEVELLING,
        Silence.UNEVEN: R.FORECAST_UNEVEN,
        Silence.FAR: R.FORECAST_FAR,
        Silence.LEVELLED_BEFORE: R.FORECAST_LEVELLED_BEFORE,
    }
)


def describe_forecast(history: MemoryHistory | None, at: Moment) -> Reason:
    """The forecast in words; ``at`` is the present on both clocks."""
    forecast = history.forecast if history is not None else None
    if history is None or forecast is None:
        return Reason.of(R.FORECAST_NOT_MEASURED)
    if forecast.silence is not None:
        return Reason.of(_SILENCES[forecast.silence])
    sentence = Reason.of(
        R.FORECAST_LIMIT,
        mib_per_hour=forecast.slope_bytes_per_s * _HOUR_S / _MIB,
        limit_mib=(history.last.limit_bytes or 0.0) / _MIB,
        limit_wall=wall_of(forecast.limit_mono, at) or 0.0,
        earliest_wall=wall_of(forecast.earliest_mono, at) or 0.0,
        latest_wall=wall_of(forecast.latest_mono, at) or 0.0,
    )
    times = forecast.times_earlier
    if times is None or times < _NOTABLE:
        return sentence
    return Reason.of(R.FORECAST_COMPARED, reason=sentence, times=times)


def is_spoken(forecast: LimitForecast | None) -> bool:
    """Does the forecast deserve a sentence?"""
    return forecast is not None and forecast.silence is None


def wall_of(mono: float | None, at: Moment) -> float | None:
    """A time of the monotonic clock as seconds since 1970."""
    return None if mono is None else at.wall + mono - at.mono
