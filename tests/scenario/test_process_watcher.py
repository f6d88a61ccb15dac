"""Inspections of processes: of healthy runs in turn, of silent targets at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.history import REFUSED, Stack
from sidecar.core.model.container import Process
from sidecar.core.model.event import Event, ProcessesInspected
from sidecar.core.model.target import InstanceId
from sidecar.remedies.process_watcher import (
    AGAIN_AFTER_S,
    PAUSE_MOST_S,
    PAUSE_PART,
    ProcessWatcher,
)
from sidecar.remedies.stopped_processes import LOOK_S
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import LoopClock

COUNT = 4
CLOCK_STEP_S = 0.02
"""Virtual time is not finer than this, over some sleeps."""
PROCESSES = (Process(1, 0, "S", "python3 -m service"),)


@dataclass
class SlowEngine:
    """Answers each question about processes after some seconds."""

    answer_s: float = 0.1
    asked_s: list[float] = field(default_factory=list)
    """When it was asked, in seconds of the loop."""
    at_once: int = 0
    most_at_once: int = 0

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        assert container_id
        self.asked_s.append(asyncio.get_running_loop().time())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.answer_s)
        finally:
            self.at_once -= 1
        return PROCESSES


class Bench:
    """A watcher of a stack of healthy targets."""

    def __init__(self, engine: SlowEngine) -> None:
        self.engine = engine
        self.events: list[Event] = []
        self.watcher = ProcessWatcher(engine, LoopClock(), self.events.append, str)  # type: ignore[arg-type]  # only processes() is asked
        self.stack = Stack(COUNT, 1_000_000.0)
        for result in self.stack.begin():
            self.watcher.on_step(result)
        self.ids = tuple(self.stack.containers)

    def inspected_ids(self) -> list[InstanceId]:
        return [e.instance for e in self.events if isinstance(e, ProcessesInspected)]


def run(
    scenario: Callable[[Bench], Awaitable[None]], engine: SlowEngine | None = None
) -> None:
    async def main() -> None:
        bench = Bench(engine or SlowEngine())
        await scenario(bench)
        await bench.watcher.close()

    run_virtual(main())


def test_healthy_runs_are_inspected_once_in_turn_with_pauses() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.sleep(20.0)
        assert bench.inspected_ids() == list(bench.ids)
        assert bench.engine.most_at_once == 1
        asked_s, answer_s = bench.engine.asked_s, bench.engine.answer_s
        for before_s, after_s in pairwise(asked_s):
            assert after_s - before_s >= answer_s * (1.0 + PAUSE_PART) - CLOCK_STEP_S
        for instance_id in bench.ids:
            bench.watcher.on_step(bench.stack.probe(instance_id))
        await asyncio.sleep(20.0)
        assert len(bench.inspected_ids()) == COUNT

    run(scenario)


def test_answer_during_an_inspection_does_not_repeat_it() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.sleep(bench.engine.answer_s / 2)
        bench.watcher.on_step(bench.stack.probe(bench.ids[0]))
        await asyncio.sleep(20.0)
        assert bench.inspected_ids() == list(bench.ids)

    run(scenario)


def test_engine_that_answers_slowly_makes_no_long_pauses() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.sleep(60.0)
        asked_s, answer_s = bench.engine.asked_s, bench.engine.answer_s
        assert len(asked_s) == COUNT
        for before_s, after_s in pairwise(asked_s):
            assert after_s - before_s <= answer_s + PAUSE_MOST_S + CLOCK_STEP_S

    run(scenario, SlowEngine(answer_s=LOOK_S - 1.0))


def test_silent_target_does_not_wait_for_the_inspections_of_the_others() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.sleep(0.01)
        last_id = bench.ids[-1]
        container = bench.stack.containers[last_id]
        silent_s = asyncio.get_running_loop().time()
        bench.watcher.look_at_silent(last_id, container, silent_s - 3.0)
        bench.watcher.look_at_silent(last_id, container, silent_s - 3.0)
        await asyncio.sleep(bench.engine.answer_s + 0.01)
        first, second = bench.events
        assert isinstance(first, ProcessesInspected)
        assert isinstance(second, ProcessesInspected)
        assert second.instance == last_id
        assert second.silent_since_mono == silent_s - 3.0
        assert first.silent_since_mono is None
        await asyncio.sleep(20.0)
        assert bench.inspected_ids().count(last_id) == 2

    run(scenario)


def test_run_that_fails_before_its_turn_is_inspected_once_it_works_again() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.sleep(0.01)
        last_id = bench.ids[-1]
        bench.watcher.on_step(bench.stack.probe(last_id, REFUSED))
        await asyncio.sleep(20.0)
        assert bench.inspected_ids() == list(bench.ids[:-1])
        bench.watcher.on_step(bench.stack.probe(last_id))
        await asyncio.sleep(20.0)
        assert bench.inspected_ids() == list(bench.ids)

    run(scenario)


def test_inspection_without_an_answer_is_repeated_after_a_minute() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.sleep(COUNT * (LOOK_S + PAUSE_MOST_S) + 1.0)
        assert len(bench.engine.asked_s) == COUNT
        assert not bench.events
        bench.engine.answer_s = 0.1
        bench.watcher.on_step(bench.stack.probe(bench.ids[-1]))
        await asyncio.sleep(20.0)
        assert not bench.events, "too soon"
        await asyncio.sleep(AGAIN_AFTER_S)
        bench.watcher.on_step(bench.stack.probe(bench.ids[-1]))
        await asyncio.sleep(20.0)
        assert bench.inspected_ids() == [bench.ids[-1]]

    run(scenario, SlowEngine(answer_s=LOOK_S + 5.0))
