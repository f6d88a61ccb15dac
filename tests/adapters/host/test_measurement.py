"""Measurements of the host, from files of /proc as kernels write them."""

import asyncio
from pathlib import Path

import pytest

from sidecar.core.model.event import Event
from sidecar.core.model.host_event import HostMeasured
from sidecar.core.model.host_status import HostMeasurement, Pressure
from sidecar.host.measurement import (
    HostReader,
    ProcessorTimes,
    least_space,
    read_load,
    read_pressure,
    read_times,
    stolen_percent,
)
from sidecar.host.measurer import measure_host
from tests.support.fakes import FakeClock

STAT = "cpu  100 0 50 800 20 0 5 25 7 0\ncpu0 50 0 25 400 10 0 2 12 3 0\nintr 1\n"
PRESSURE = (
    "some avg10=1.00 avg60=42.50 avg300=7.25 total=123\n"
    "full avg10=0.00 avg60=12.00 avg300=3.00 total=45\n"
)


def test_processor_times_are_those_of_all_processors_without_guests() -> None:
    assert read_times(STAT) == ProcessorTimes(25, 1000)


@pytest.mark.parametrize("stat", ["", "cpu 1 2 3\n", "cpu a b c d e f g h\n", "x\n"])
def test_processor_times_of_another_form_are_not_known(stat: str) -> None:
    assert read_times(stat) is None


@pytest.mark.parametrize(
    ("before", "now", "percent"),
    [
        (ProcessorTimes(0, 0), ProcessorTimes(30, 120), 25.0),
        (ProcessorTimes(30, 120), ProcessorTimes(30, 220), 0.0),
        (ProcessorTimes(30, 120), ProcessorTimes(30, 120), None),
        (ProcessorTimes(30, 120), ProcessorTimes(0, 220), 0.0),
        (None, ProcessorTimes(30, 120), None),
        (ProcessorTimes(30, 120), None, None),
    ],
)
def test_stolen_share_is_that_between_two_readings(
    before: ProcessorTimes | None, now: ProcessorTimes | None, percent: float | None
) -> None:
    assert stolen_percent(before, now) == percent


def test_pressure_has_the_averages_of_its_line() -> None:
    assert read_pressure(PRESSURE, "some") == Pressure(42.5, 7.25)
    assert read_pressure(PRESSURE, "full") == Pressure(12.0, 3.0)


@pytest.mark.parametrize("text", ["", "full avg10=0.00\n", "full avg60=x avg300=1\n"])
def test_pressure_of_another_form_is_not_known(text: str) -> None:
    assert read_pressure(text, "full") is None


def test_load_is_that_of_five_minutes_for_each_processor() -> None:
    assert read_load("9.00 8.00 7.00 3/400 123\n", 4) == 2.0
    assert read_load("", 4) is None
    assert read_load("one two", 4) is None


def test_space_is_that_of_the_fullest_disk_and_a_lost_disk_is_left_out(
    tmp_path: Path,
) -> None:
    space = least_space((tmp_path / "lost", tmp_path))
    assert space is not None
    assert space.free_bytes > 0
    assert least_space((tmp_path / "lost",)) is None


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    reader = HostReader((), proc=tmp_path)
    assert reader.read() == HostMeasurement()


def test_reader_reads_what_the_kernel_writes(tmp_path: Path) -> None:
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure" / "cpu").write_text(PRESSURE)
    (tmp_path / "pressure" / "memory").write_text(PRESSURE)
    (tmp_path / "stat").write_text(STAT)
    (tmp_path / "loadavg").write_text("1.0 2.0 3.0 1/2 3\n")
    reader = HostReader((), proc=tmp_path)
    assert reader.read().stolen is None
    (tmp_path / "stat").write_text(
        STAT.replace(" 800 ", " 825 ").replace(" 25 7", " 100 7")
    )
    measured = reader.read()
    assert measured.stolen == 75.0
    assert measured.cpu == Pressure(42.5, 7.25)
    assert measured.memory == Pressure(12.0, 3.0)
    assert measured.load_per_core is not None


def test_this_machine_can_be_read() -> None:
    reader = HostReader((Path("/"),))
    reader.read()
    measured = reader.read()
    assert measured.disk is not None
    assert measured.load_per_core is not None


async def test_host_is_measured_again_and_again() -> None:
    events: list[Event] = []
    enough = asyncio.Event()

    def post(event: Event) -> None:
        events.append(event)
        if len(events) == 3:
            enough.set()

    reader = HostReader((Path("/"),))
    task = asyncio.create_task(measure_host(reader, FakeClock(), post, every_s=0.01))
    async with asyncio.timeout(10.0):
        await enough.wait()
    task.cancel()
    assert all(isinstance(event, HostMeasured) for event in events)
