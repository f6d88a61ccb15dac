"""A full disk is found before a restart, and measured until it has space again."""

import asyncio
from dataclasses import replace

from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    ContainersListed,
    RemedyCallResult,
    RemedyExecuted,
    Tick,
)
from sidecar.core.model.host_event import DiskExamined
from sidecar.core.model.host_status import DiskFault
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.engine import EngineError, EngineForbidden, ExecResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.disk_space import DISK_PROBE
from sidecar.core.step.step import run_step
from sidecar.core.text.formatting import rfc3339
from sidecar.remedies.disk_examination import RECENT_S, DiskExamination
from sidecar.remedies.disk_watcher import MEASURE_EVERY_S, DiskWatcher
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import EPOCH
from tests.support.remedy_bench import SECRET, TARGET, WALLET, Bench

DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
FULL = ExecResult(0, f"{DF}tmpfs 1024 1024 0 100% /data\n")
FREE = ExecResult(0, f"{DF}tmpfs 1024 24 1000 3% /data\n")
WORDS = f"OSError: [Errno 28] No space left on device: '/data/{SECRET}'"


def start_bench(log: str, result: ExecResult = FULL) -> Bench:
    bench = Bench(started_at=EPOCH - 5000.0)
    bench.engine.logs_of["c1"] = log
    bench.engine.exec_of[" ".join(DISK_PROBE)] = result
    return bench


def line(words: str = WORDS, ago_s: float = 5.0) -> str:
    return f"{rfc3339(EPOCH - ago_s)} {words}\n"


async def run_restart(bench: Bench) -> tuple[DiskExamined, RemedyExecuted]:
    bench.begin(Action.RESTART)
    await bench.end(2)
    examined, executed = bench.events
    assert isinstance(examined, DiskExamined)
    assert isinstance(executed, RemedyExecuted)
    assert executed.result is RemedyCallResult.NOT_SENT
    assert bench.engine.acts == []
    return examined, executed


def test_restart_is_not_sent_while_a_disk_of_the_container_is_full() -> None:
    async def scenario() -> None:
        bench = start_bench(line())
        examined, executed = await run_restart(bench)
        assert (examined.run, examined.full.code) == (bench.container.run, R.MOUNT_FULL)
        assert "/data" in str(executed.reason)

    run_virtual(scenario())


def test_restart_is_sent_without_a_fresh_sign_or_with_space() -> None:
    async def scenario(log: str, result: ExecResult) -> None:
        bench = start_bench(log, result)
        event = await bench.run_action(Action.RESTART)
        assert event.result is RemedyCallResult.DONE
        assert [call for call, _ in bench.engine.acts] == ["restart"]

    for log, result in (
        ("", FULL),
        (line("all is well"), FULL),
        (line(ago_s=RECENT_S + 10.0), FULL),
        (line(), FREE),
    ):
        run_virtual(scenario(log, result))


def test_log_alone_is_believed_where_nothing_can_be_measured() -> None:
    async def scenario(result: ExecResult, error: EngineError | None) -> None:
        bench = start_bench(line(), result)
        if error is not None:
            bench.engine.trouble("execute", error)
        examined, _ = await run_restart(bench)
        assert examined.full.code is R.LOG_SAYS_DISK_FULL
        assert "No space left on device: '/data/***'" in str(examined.full)

    run_virtual(scenario(ExecResult(127, "sh: not found"), None))
    run_virtual(scenario(ExecResult(0, DF), None))
    run_virtual(scenario(FULL, EngineForbidden("403")))


def test_container_that_has_exited_is_not_measured() -> None:
    async def scenario() -> None:
        bench = start_bench(line())
        bench.engine.change("c1", status=Status.EXITED, pid=0)
        bench.begin(Action.START)
        await bench.end(2)
        examined = bench.events[0]
        assert isinstance(examined, DiskExamined)
        assert examined.full.code is R.LOG_SAYS_DISK_FULL
        assert ("execute", "c1") not in bench.engine.calls

    run_virtual(scenario())


def test_operators_restart_measures_nothing() -> None:
    async def scenario() -> None:
        bench = start_bench(line())
        event = await bench.run_action(Action.RESTART, trigger=Trigger.OPERATOR)
        assert event.result is RemedyCallResult.DONE
        assert ("execute", "c1") not in bench.engine.calls

    run_virtual(scenario())


# the watcher


def see_state(bench: Bench, full: Reason) -> State:
    """A state with the bench's container, whose disk is full for this reason."""
    now, container = bench.clock.now(), bench.container
    listed = ContainersListed(now, (TARGET,), ((WALLET, container),))
    state = run_step(State(started=now), listed).state
    if not full:
        return state
    return replace(state, disk_faults={WALLET: fault_of(container, full, now.mono)})


def fault_of(container: Container, full: Reason, mono: float) -> DiskFault:
    return DiskFault(container.run, full, mono)


def test_watcher_measures_again_and_again_while_a_disk_is_full() -> None:
    async def scenario() -> None:
        bench = start_bench("")
        disks = DiskExamination(bench.engine, bench.clock)
        watcher = DiskWatcher(disks, bench.clock, bench.post)
        full = Reason.of(R.LOG_SAYS_DISK_FULL, said=WORDS)
        state = see_state(bench, full)
        for _ in range(round(3.5 * MEASURE_EVERY_S)):
            show(watcher, bench, state)
            await bench_pause()
        assert [type(event) for event in bench.events] == [DiskExamined] * 3
        first = bench.events[0]
        assert isinstance(first, DiskExamined)
        assert first.full.code is R.MOUNT_FULL
        bench.engine.exec_of[" ".join(DISK_PROBE)] = FREE
        for _ in range(round(MEASURE_EVERY_S)):
            show(watcher, bench, state)
            await bench_pause()
        last = bench.events[-1]
        assert isinstance(last, DiskExamined)
        assert last.full == NO_REASON
        count = len(bench.events)
        for _ in range(100):
            show(watcher, bench, see_state(bench, NO_REASON))
            await bench_pause()
        assert len(bench.events) == count
        await watcher.close()

    run_virtual(scenario())


def test_watcher_posts_nothing_where_nothing_can_be_measured() -> None:
    async def scenario() -> None:
        bench = start_bench("", ExecResult(1, ""))
        disks = DiskExamination(bench.engine, bench.clock)
        watcher = DiskWatcher(disks, bench.clock, bench.post)
        state = see_state(bench, Reason.of(R.LOG_SAYS_DISK_FULL, said=WORDS))
        for _ in range(100):
            show(watcher, bench, state)
            await bench_pause()
        assert bench.events == []
        await watcher.close()

    run_virtual(scenario())


def show(watcher: DiskWatcher, bench: Bench, state: State) -> None:
    watcher.on_step(StepResult(Tick(bench.clock.now()), (), (), (), state))


async def bench_pause() -> None:
    await asyncio.sleep(1.0)
