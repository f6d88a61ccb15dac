"""The ``log`` probe with a fake engine: following, restarts, and what is not judged."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sidecar.clock import SystemClock
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.instance import Instance
from sidecar.core.model.log_mark import LogMark
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, ProbeWarning
from sidecar.core.model.probe_settings import LogProbe, OnMatch, RunningProbe
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import EngineForbidden, EngineTimeout
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.status.network_reach import find_surroundings
from sidecar.probes.kinds.container_log import UNREAD_S
from sidecar.probes.log_watch import STORE_EVERY_S, UNASKED_S, LogWatch
from sidecar.probes.probe_target import probe_target
from sidecar.probes.prober import ProbeRunner
from sidecar.simulation.virtual_time import run_virtual
from tests.support.engine_connection import (
    OWN,
    WITHIN_S,
    link_to,
    open_engine,
    run_engine_server,
    until,
)
from tests.support.engine_server import frame_output, raw_container
from tests.support.fakes import (
    EPOCH,
    FakeClock,
    FakeEngine,
    LoopClock,
    a_container,
)

CONTAINER = a_container(started_at=EPOCH)
ERRORS = LogProbe(patterns=("error",), cooldown_s=60.0)
FAILS = replace(ERRORS, on_match=OnMatch.FAIL)
LOG = (Cause.LOG_MATCHED, R.LOG_LINE_MATCHES)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> FakeEngine:
    return FakeEngine(clock, CONTAINER)


@pytest.fixture
async def prober(engine: FakeEngine, clock: FakeClock) -> AsyncIterator[ProbeRunner]:
    runner = ProbeRunner(engine, clock)
    yield runner
    await runner.close()


async def look(
    prober: ProbeRunner, settings: LogProbe = ERRORS, container: Container = CONTAINER
) -> ProbeResult:
    """Probe once the lines that were written have been taken."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return await prober.probe(settings, container)


def write(engine: FakeEngine, clock: FakeClock, words: str) -> None:
    clock.advance(1.0)
    engine.write("c1", words)


async def test_match_warns_and_quotes_the_line(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    assert (await look(prober)).warnings == ()
    write(engine, clock, "an error occurred")
    result = await look(prober)
    assert result.verdict is ProbeVerdict.SUCCESS
    assert result.warnings == (ProbeWarning.MATCHED,)
    assert str(result.reason) == "a line of its log matches error: an error occurred"
    clock.advance(60.0)
    assert (await look(prober)).warnings == ()


@pytest.mark.parametrize("on_match", OnMatch)
async def test_match_means_what_the_settings_say(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock, on_match: OnMatch
) -> None:
    settings = replace(ERRORS, on_match=on_match)
    await look(prober, settings)
    write(engine, clock, "an error")
    result = await look(prober, settings)
    fails = on_match is OnMatch.FAIL
    assert (result.cause is Cause.LOG_MATCHED) is fails
    assert (result.verdict is ProbeVerdict.FAILURE) is fails
    assert result.asks_restart is (on_match is OnMatch.PLANNED_RESTART)


async def test_several_lines_are_a_match_together(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    settings = replace(ERRORS, count=3, window_s=90.0)
    await look(prober, settings)
    for number in range(2):
        write(engine, clock, f"error {number}")
        assert not (await look(prober, settings)).warnings
    write(engine, clock, "error 2")
    assert str((await look(prober, settings)).reason) == (
        "3 lines of its log within 90 s match error: error 2"
    )


async def test_log_is_followed_over_a_restart_of_the_container(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    """Lines written while nobody reads are read later, and none twice."""
    await look(prober, FAILS)
    write(engine, clock, "error of the old run")
    assert (await look(prober, FAILS)).cause is Cause.LOG_MATCHED
    engine.crash("c1")
    clock.advance(1.0)
    engine.start_by_operator("c1")
    restarted = engine.held["c1"]
    result = await look(prober, FAILS, restarted)
    assert result.verdict is ProbeVerdict.SUCCESS
    assert result.log is not None
    assert result.log.matched == 0
    write(engine, clock, "error of the new run")
    result = await look(prober, FAILS, restarted)
    assert str(result.reason).endswith("error of the new run")
    assert result.log is not None
    assert result.log.matched == 1


async def test_new_process_goes_on_from_the_stored_mark(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    settings = replace(ERRORS, count=3, window_s=600.0)
    await look(prober, settings)
    write(engine, clock, "error 1")
    log = (await look(prober, settings)).log
    assert log is not None
    assert log.mark is not None
    await prober.close()
    write(engine, clock, "error 2, while Sidecar was away")
    later = ProbeRunner(engine, clock)
    later.restore_logs(_state_with(log.mark))
    try:
        results = [await look(later, settings) for _ in range(2)]
        assert not results[-1].warnings, "two lines, not three"
        assert sum(r.log.matched for r in results if r.log) == 1, "one line is new"
        write(engine, clock, "error 3")
        assert (await look(later, settings)).warnings == (ProbeWarning.MATCHED,)
    finally:
        await later.close()


def _state_with(mark: LogMark) -> State:
    instance_id = InstanceId("wallet", 1)
    stored = Instance(instance_id, "wallet", log=mark)
    return State(Moment(0.0, 0.0), restored_instances={instance_id: stored})


async def test_mark_is_stored_at_once_for_a_match_and_rarely_otherwise(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    async def is_stored() -> bool:
        log = (await look(prober)).log
        return log is not None and log.mark is not None

    await look(prober)
    write(engine, clock, "all is well")
    assert await is_stored()
    write(engine, clock, "all is well still")
    assert not await is_stored()
    write(engine, clock, "an error")
    assert await is_stored()
    clock.advance(STORE_EVERY_S)
    assert not await is_stored(), "nothing is new"
    write(engine, clock, "all is well again")
    assert await is_stored()


async def test_two_probes_of_one_log_read_it_once(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    other = LogProbe(sets=("disk_full",), cooldown_s=60.0)
    probes = (RunningProbe(), ERRORS, other)
    await probe_target(prober, probes, CONTAINER)
    write(engine, clock, "error: no space left on device")
    await asyncio.sleep(0)
    result = await probe_target(prober, probes, CONTAINER)
    assert result.warnings == (ProbeWarning.MATCHED,)
    assert "disk_full" in str(result.reason)
    assert result.log is not None
    assert result.log.matched == 1
    assert engine.calls.count(("follow_log", "c1")) == 1


async def test_log_that_cannot_be_read_is_no_failure_and_is_said(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    engine.trouble("follow_log", EngineForbidden("403: not allowed"), times=99)
    result = await look(prober)
    assert result.verdict is ProbeVerdict.SUCCESS
    assert result.warnings == ()
    clock.advance(UNREAD_S)
    result = await look(prober)
    assert result.verdict is ProbeVerdict.SUCCESS
    assert result.warnings == (ProbeWarning.NOT_JUDGED,)
    assert "not allowed" in str(result.reason)
    engine.forget_troubles()
    await look(prober)
    clock.advance(10.0)
    assert (await look(prober)).warnings == ()


async def test_connection_that_breaks_at_once_each_time_is_no_reading(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    """Each connection opens, and then breaks."""
    broken = EngineTimeout("the connection to the engine broke")
    for _ in range(12):
        assert (await look(prober)).warnings == ()
        engine.break_log("c1", broken)
        clock.advance(5.0)
    assert (await look(prober)).warnings == (ProbeWarning.NOT_JUDGED,)
    clock.advance(10.0)
    assert (await look(prober)).warnings == ()


async def test_clock_of_the_engine_decides(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    engine.clock_ahead_s = 3600.0
    engine.logs_of["c1"] = (
        datetime.fromtimestamp(clock.wall + 3600.0, UTC).isoformat() + " an error\n"
    )
    await look(prober)
    assert (await look(prober)).warnings == (ProbeWarning.MATCHED,)
    clock.advance(60.0)
    assert (await look(prober)).warnings == ()


def test_log_that_no_probe_asks_for_is_read_no_longer() -> None:
    async def story() -> None:
        clock = LoopClock()
        engine = FakeEngine(clock, CONTAINER)
        watch = LogWatch(engine, clock, str, LogMark("c1"))
        await watch.judge(ERRORS, CONTAINER)
        await asyncio.sleep(UNASKED_S - 1.0)
        assert engine.count_log_readers("c1")
        await asyncio.sleep(2.0)
        assert not engine.count_log_readers("c1")
        await watch.judge(ERRORS, CONTAINER)
        assert engine.count_log_readers("c1"), "the next probe opens it again"
        await watch.close()

    run_virtual(story())


async def test_container_that_is_gone_is_followed_no_longer(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    await look(prober)
    prober.set_surroundings(find_surroundings(None, ()))
    await until(lambda: not engine.count_log_readers("c1"))


async def test_line_within_the_window_before_the_first_probe_counts(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    write(engine, clock, "an error")
    await look(prober)
    assert (await look(prober)).warnings == (ProbeWarning.MATCHED,)


async def test_flood_is_said_with_its_size(
    prober: ProbeRunner, engine: FakeEngine, clock: FakeClock
) -> None:
    await look(prober)
    write(engine, clock, "words")
    await look(prober)
    engine.end_log("c1")
    await until(lambda: not engine.count_log_readers("c1"))
    engine.logs_of["c1"] = ""
    clock.advance(60.0)
    for _ in range(600):
        clock.advance(0.001)
        engine.write("c1", "w" * 1000)
    await look(prober)
    result = await look(prober)
    assert result.warnings == (ProbeWarning.NOT_JUDGED,)
    assert result.reason.code is R.LOG_SKIPPED
    assert "about 6" in str(result.reason)


async def test_lines_are_judged_in_the_thread_that_reads_them() -> None:
    """With the real adapter and the real clock, which belongs to the loop's thread."""
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
    with run_engine_server() as server:
        raw = raw_container(OWN)
        raw["State"]["StartedAt"] = stamp
        server.add(raw)
        async with open_engine(link_to(server, [])) as engine:
            runner, settings = ProbeRunner(engine, SystemClock()), ERRORS
            container = await engine.inspect(OWN)
            await runner.probe(settings, container)
            await until(lambda: server.followers == 1)
            server.write_log(frame_output(f"{stamp} an error occurred\n".encode()))
            async with asyncio.timeout(WITHIN_S):
                while not (await runner.probe(settings, container)).warnings:  # noqa: ASYNC110 - read in a thread
                    await asyncio.sleep(0.01)
            await runner.close()
