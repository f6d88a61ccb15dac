"""Memory and its forecast, as the API shows them."""

from collections.abc import Iterator

from sidecar.api_types.forecast import MemoryForecasts, MemoryStatus, TargetMemory
from sidecar.core.forecast.sentence import describe_forecast, wall_of
from sidecar.core.model.instance import Instance
from sidecar.core.model.memory import LimitForecast
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.text.formatting import rfc3339

_HOUR_S = 3600.0


def target_memories(state: State, now: Moment) -> Iterator[TargetMemory]:
    """Every replica of a target with a probe ``memory``, one by one."""
    for instance in state.instances.values():
        if state.target_of(instance).memory is not None:
            memory = memory_status(instance, now)
            yield TargetMemory(instance.name, instance.id.target, memory)


def show_forecasts(targets: tuple[TargetMemory, ...], now: Moment) -> MemoryForecasts:
    """The answer; ``targets``: those of ``target_memories``."""
    return MemoryForecasts(at=rfc3339(now.wall), targets=targets)


def memory_status(instance: Instance, now: Moment) -> MemoryStatus | None:
    """Memory of one replica; None: it was not measured."""
    history = instance.memory
    if history is None:
        return None
    forecast = history.forecast or LimitForecast(now.mono)
    sample, times = history.last, forecast.times_earlier
    reason = describe_forecast(history, now)
    return MemoryStatus(
        measured_at=_instant(history.last_mono, now) or "",
        used_bytes=round(sample.used_bytes),
        limit_bytes=_whole(sample.limit_bytes),
        anonymous_bytes=_whole(sample.anon_bytes),
        silence=forecast.silence,
        reason=str(reason),
        reason_code=reason.code,
        bytes_per_hour=round(forecast.slope_bytes_per_s * _HOUR_S),
        limit_at=_instant(forecast.limit_mono, now),
        earliest_at=_instant(forecast.earliest_mono, now),
        latest_at=_instant(forecast.latest_mono, now),
        times_earlier_runs=None if times is None else round(times, 2),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _instant(mono: float | None, now: Moment) -> str | None:
    wall = wall_of(mono, now)
    return None if wall is None else rfc3339(wall)
