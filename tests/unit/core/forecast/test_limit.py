"""When a forecast names an hour, and why it is silent."""

from dataclasses import replace

import pytest

from sidecar.core.forecast.earlier_runs import summarize_run
from sidecar.core.forecast.limit import forecast_limit
from sidecar.core.forecast.samples import MOST_WINDOWS, add_sample
from sidecar.core.forecast.sentence import describe_forecast
from sidecar.core.model.container import RunId
from sidecar.core.model.memory import (
    LimitForecast,
    MemoryHistory,
    MemorySample,
    RunGrowth,
    Silence,
)
from sidecar.core.model.moment import Moment
from sidecar.core.reason.code import ReasonCode

MIB = 2.0**20
EVERY_S = 60.0
LIMIT_MIB = 512.0


def sample(anon_mib: float | None, limit_mib: float | None = LIMIT_MIB) -> MemorySample:
    if anon_mib is None:
        return MemorySample(100.0 * MIB)
    limit = None if limit_mib is None else limit_mib * MIB
    anon = anon_mib * MIB
    return MemorySample(anon + 60.0 * MIB, limit, anon + 12.0 * MIB, anon)


def history_of(*samples: MemorySample, every_s: float = EVERY_S) -> MemoryHistory:
    history = MemoryHistory(
        RunId("shop", 1.0), "image-1", 0.0, samples[0], 0.0, 5.0 * every_s
    )
    for number, one in enumerate(samples):
        history = add_sample(history, one, number * every_s)
    return history


def leak(count: int, mib_per_s: float = 0.02) -> MemoryHistory:
    return history_of(*(sample(100.0 + mib_per_s * EVERY_S * n) for n in range(count)))


def forecast(history: MemoryHistory) -> LimitForecast:
    return forecast_limit(history, history.last_mono)


def test_leak_reaches_the_limit_less_what_the_kernel_holds() -> None:
    history = leak(260)
    result = forecast(history)
    assert result.silence is None
    # 512 MiB, of which 12 MiB are not anonymous: 400 MiB at 0.02 MiB a second.
    assert result.limit_mono == pytest.approx(20_000.0, rel=0.01)
    assert result.earliest_mono is not None
    assert result.latest_mono is not None
    assert result.earliest_mono <= 20_010.0
    assert result.latest_mono >= 19_990.0


@pytest.mark.parametrize(
    ("history", "silence"),
    [
        (history_of(*[sample(None)] * 100), Silence.NOT_MEASURED),
        (history_of(*[sample(100.0, None)] * 100), Silence.NO_LIMIT),
        (leak(60), Silence.TOO_SHORT),
        (leak(100), Silence.FAR),
        (history_of(*[sample(300.0)] * 200), Silence.NOT_RISING),
        (
            history_of(*(sample(100.0 if n < 90 else 400.0) for n in range(180))),
            Silence.NOISY,
        ),
        (
            history_of(*(sample(100.0 + 90.0 * (n // 60)) for n in range(240))),
            Silence.STEPS,
        ),
    ],
)
def test_forecast_is_silent_for_its_reason(
    history: MemoryHistory, silence: Silence
) -> None:
    result = forecast(history)
    assert result.silence is silence
    assert (result.limit_mono is None) == (silence is not Silence.FAR)
    reason = describe_forecast(replace(history, forecast=result), Moment(0.0, 0.0))
    assert reason.code is ReasonCode(f"forecast_{silence}")


def test_other_shape_of_the_last_run_of_the_image_silences_a_leak() -> None:
    levelled = RunGrowth("image-1", 9e5, 0.02 * MIB, 450.0 * MIB, levelled=True)
    history = leak(260)
    assert forecast(replace(history, earlier=(levelled,))).silence is (
        Silence.LEVELLED_BEFORE
    )
    of_another_image = levelled._replace(image="image-2")
    assert forecast(replace(history, earlier=(of_another_image,))).silence is None


def test_growth_is_compared_with_earlier_runs_of_the_image() -> None:
    usual = RunGrowth("image-1", 9e5, 0.005 * MIB, 450.0 * MIB, levelled=False)
    history = replace(leak(260), earlier=(usual,) * 3)
    result = forecast(history)
    assert result.times_earlier == pytest.approx(4.0, rel=0.01)
    reason = describe_forecast(replace(history, forecast=result), Moment(0.0, 0.0))
    assert "4.0 times as fast as earlier runs" in str(reason)


def test_windows_are_bounded_and_keep_the_whole_run() -> None:
    history = leak(5 * MOST_WINDOWS * 8)
    assert len(history.windows) < MOST_WINDOWS
    assert history.windows[0].floor_bytes == 100.0 * MIB
    assert history.window_s == 5 * EVERY_S * 8


def test_long_run_drops_the_oldest_windows() -> None:
    history = history_of(*[sample(100.0)] * (5 * 200), every_s=3600.0)
    assert len(history.windows) == MOST_WINDOWS - 1
    assert history.windows[0].at_s > 100 * 5 * 3600.0


def test_cache_that_was_full_in_the_last_run_raises_no_second_alarm() -> None:
    shares = [sample(min(100.0 + 1.2 * n, 420.0)) for n in range(500)]
    first = history_of(*shares)
    alarms = [forecast(history_of(*shares[:count])) for count in range(240, 265, 5)]
    assert Silence.LEVELLED_BEFORE not in {alarm.silence for alarm in alarms}
    assert None in {alarm.silence for alarm in alarms}
    for count in range(100, 500, 20):
        second = replace(history_of(*shares[:count]), earlier=summarize_run(first))
        assert forecast(second).silence is not None
