"""Troubles of the host: thresholds, hysteresis and duration."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.host_status import (
    DiskSpace,
    HostMeasurement,
    HostStatus,
    Pressure,
)
from sidecar.core.model.moment import Moment
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.status.host_pressure import (
    DISK_LASTS_S,
    MIB,
    OVERLOAD_LASTS_S,
    STALE_S,
    find_full_disk,
    find_overload,
    update_host,
)

EVERY_S = 15.0


def at(mono: float) -> Moment:
    return Moment(mono, 1_700_000_000.0 + mono)


def measure(
    measurements: Iterable[HostMeasurement], status: HostStatus | None = None
) -> tuple[HostStatus, Moment]:
    """The status after measurements every 15 s, and the time of the last."""
    status, mono = status or HostStatus(), 0.0
    mono = status.measured_mono or 0.0
    for measurement in measurements:
        mono += EVERY_S
        status = update_host(status, measurement, at(mono))
    return status, at(mono)


def disk(free_mib: float, files: float | None = None) -> HostMeasurement:
    return HostMeasurement(disk=DiskSpace(free_mib * MIB, files))


def memory(minute: float, five: float) -> HostMeasurement:
    return HostMeasurement(memory=Pressure(minute, five))


def cpu(minute: float, five: float, load: float | None) -> HostMeasurement:
    return HostMeasurement(cpu=Pressure(minute, five), load_per_core=load)


@pytest.mark.parametrize(
    ("free", "code"),
    [
        ((0.0, 0.0, 0.0), R.HOST_DISK_FULL),
        ((15.9, 15.9, 15.9), R.HOST_DISK_FULL),
        ((0.0, 0.0), R.NONE),
        ((16.1,) * 20, R.NONE),
        ((0.0, 0.0, 0.0, 63.0), R.HOST_DISK_FULL),
        ((0.0, 0.0, 0.0, 65.0), R.NONE),
        ((0.0, 100.0) * 20, R.NONE),
    ],
)
def test_disk_is_full_after_some_time_and_until_there_is_room(
    free: tuple[float, ...], code: R
) -> None:
    status, now = measure(map(disk, free))
    assert find_full_disk(status, now).code is code
    assert DISK_LASTS_S > EVERY_S


def test_disk_without_files_is_full_until_there_are_some() -> None:
    status, now = measure([disk(1000.0, 0.0)] * 3)
    assert find_full_disk(status, now).code is R.HOST_DISK_WITHOUT_FILES
    status, now = measure([disk(1000.0, 999.0)], status)
    assert find_full_disk(status, now)
    status, now = measure([disk(1000.0, 1000.0)], status)
    assert not find_full_disk(status, now)


LONG = round(OVERLOAD_LASTS_S / EVERY_S) + 1


@pytest.mark.parametrize(
    ("measurement", "code"),
    [
        (HostMeasurement(stolen=50.0), R.HOST_CPU_STOLEN),
        (HostMeasurement(stolen=49.0), R.NONE),
        (memory(40.0, 20.0), R.HOST_MEMORY_SHORT),
        (memory(90.0, 19.0), R.NONE),
        (memory(39.0, 39.0), R.NONE),
        (cpu(95.0, 95.0, 20.0), R.HOST_CPU_SHORT),
        (cpu(95.0, 94.0, 50.0), R.NONE),
        (cpu(100.0, 100.0, 19.0), R.NONE),
        (cpu(100.0, 100.0, None), R.NONE),
        (HostMeasurement(), R.NONE),
    ],
)
def test_overload_needs_high_values_for_two_minutes(
    measurement: HostMeasurement, code: R
) -> None:
    status, now = measure([measurement] * LONG)
    assert find_overload(status, now).code is code
    status, now = measure([measurement] * (LONG - 2))
    assert not find_overload(status, now)


@pytest.mark.parametrize(
    ("begins", "goes_on", "ends"),
    [
        (
            HostMeasurement(stolen=60.0),
            HostMeasurement(stolen=25.0),
            HostMeasurement(stolen=24.0),
        ),
        (memory(60.0, 30.0), memory(20.0, 10.0), memory(19.0, 30.0)),
        (cpu(99.0, 99.0, 30.0), cpu(80.0, 10.0, 10.0), cpu(80.0, 99.0, 9.0)),
        (cpu(99.0, 99.0, 30.0), cpu(80.0, 10.0, 10.0), cpu(79.0, 99.0, 30.0)),
    ],
)
def test_overload_ends_well_below_where_it_begins(
    begins: HostMeasurement, goes_on: HostMeasurement, ends: HostMeasurement
) -> None:
    status, now = measure([begins] * LONG)
    status, now = measure([goes_on] * 5, status)
    assert find_overload(status, now)
    status, now = measure([ends], status)
    assert not find_overload(status, now)
    status, now = measure([goes_on] * LONG, status)
    assert not find_overload(status, now)


def test_noisy_minute_of_processors_is_no_overload() -> None:
    """A build takes all processors for a minute: the average of 5 min stays low."""
    busy = cpu(99.0, 30.0, 25.0)
    status, now = measure([busy] * 4 + [cpu(10.0, 30.0, 2.0)] * 20 + [busy] * 4)
    assert not find_overload(status, now)


def test_measurement_that_is_too_old_says_nothing() -> None:
    status, now = measure([disk(0.0)] * 5)
    assert find_full_disk(status, now)
    later = at(now.mono + STALE_S + 1.0)
    assert not find_full_disk(status, later)
    after = update_host(status, disk(0.0), later)
    assert not find_full_disk(after, later)


@given(
    st.lists(
        st.tuples(st.floats(0.0, 49.9), st.floats(0.0, 39.9), st.floats(0.0, 19.9)),
        max_size=60,
    )
)
def test_values_below_the_thresholds_are_never_an_overload(
    values: list[tuple[float, float, float]],
) -> None:
    noise = [
        HostMeasurement(None, s, Pressure(100.0, 100.0), Pressure(m, 100.0), load)
        for s, m, load in values
    ]
    status, now = measure(noise)
    assert not find_overload(status, now)
