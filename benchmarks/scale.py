"""CPU of one event in stacks of 10 to 10,000 targets: it is the same in all of them.

An event goes through the core's step, the store on the disk and the listeners that
every step has (metrics, log, event feed, recent probes), in virtual time and without
the network. What 10,000 targets cost `sidecar run` as a whole is measured by
benchmarks/memory.py.

healthy   a probe that succeeds, as nearly all do
failure   a failure, or the answer after it: the state of a target changes
tick      twice a second, while one target is down
"""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from loguru import logger
from prometheus_client import CollectorRegistry

from benchmarks import program
from benchmarks.history import Stack, keep
from benchmarks.table import Row, at_most
from sidecar.app.garbage_collector import THRESHOLDS
from sidecar.clock import SystemClock
from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import StepListener
from sidecar.core.reason.reason import text_reason
from sidecar.storage.store import SqliteStore, open_store
from sidecar.telemetry.event_feed import EventFeed
from sidecar.telemetry.event_log import EventLog
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.recent_probes import RecentProbes

COUNTS = (10, 100, 1000, 10_000)
EVENTS = ("a healthy probe", "a failure or the answer after it", "a tick")
ROUNDS, EVENTS_PER_ROUND = 15, 100
OWED_RATIO = 1.5
BROKEN = probe_failure(Cause.HTTP_5XX, text_reason("status 503"))


def measure(*, quick: bool) -> list[Row]:
    """One row for each kind of event."""
    logger.remove()
    rounds = ROUNDS // 3 if quick else ROUNDS
    costs = [asyncio.run(_measure_stack(count, rounds)) for count in COUNTS]
    return [
        _row(event, [of_stack[number] for of_stack in costs])
        for number, event in enumerate(EVENTS)
    ]


def _row(event: str, costs_s: Sequence[float]) -> Row:
    counts = " / ".join(f"{count:,}" for count in COUNTS)
    figures = " / ".join(f"{cost_s * 1e6:.0f}" for cost_s in costs_s)
    ratio = costs_s[-1] / costs_s[0]
    what = f"CPU of one event, {event}, {counts} targets; ratio: the last to the first"
    row = at_most(what, f"{figures} µs", ratio, OWED_RATIO)
    return row._replace(ratio=f"{ratio:.2f}")


async def _measure_stack(count: int, rounds: int) -> tuple[float, ...]:
    """Seconds of CPU of each kind of event."""
    gc.set_threshold(*THRESHOLDS)
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        store = await open_store(Path(folder), SystemClock())
        bench = _Bench(Stack(count, time.time()), store)
        await bench.begin()
        healthy = await bench.measure(bench.probe, rounds)
        failure = await bench.measure(bench.fail_or_answer, rounds)
        tick = await bench.measure(bench.tick, rounds)
        await store.close()
    return healthy, failure, tick


class _Bench:
    """A stack with its store and listeners; each call makes one event."""

    def __init__(self, stack: Stack, store: SqliteStore) -> None:
        self._stack, self._store = stack, store
        self._ids = tuple(stack.containers)
        self._listeners: tuple[StepListener, ...] = (
            Metrics(CollectorRegistry(), "benchmark", tuple),
            EventLog(),
            EventFeed(),
            RecentProbes(),
        )

    async def begin(self) -> None:
        """All work, but the last one, which is down."""
        await keep(self._store, self._stack.begin())
        for _ in range(4):
            self._stack.pass_time(2.0)
            await self._hand_over(self._stack.probe(self._ids[-1], BROKEN))
        gc.collect()
        gc.freeze()

    async def measure(
        self, send: Callable[[int], Awaitable[None]], rounds: int
    ) -> float:
        """Seconds of CPU of one event: the median of the rounds."""
        costs_s = []
        for number in range(rounds):
            began = time.thread_time()
            for event in range(EVENTS_PER_ROUND):
                await send(number * EVENTS_PER_ROUND + event)
            costs_s.append((time.thread_time() - began) / EVENTS_PER_ROUND)
        return statistics.median(costs_s)

    async def probe(self, number: int) -> None:
        """A probe that succeeds."""
        self._stack.pass_time(0.01)
        await self._hand_over(self._stack.probe(self._working_id(number)))

    async def fail_or_answer(self, number: int) -> None:
        """A failure of one target, or its answer."""
        self._stack.pass_time(0.01)
        outcome = None if number % 2 else BROKEN
        await self._hand_over(self._stack.probe(self._working_id(number // 2), outcome))

    async def tick(self, _: int) -> None:
        """A tick."""
        self._stack.pass_time(0.01)
        await self._hand_over(self._stack.send(Tick(self._stack.now)))

    def _working_id(self, number: int) -> InstanceId:
        return self._ids[number % (len(self._ids) - 1)]

    async def _hand_over(self, result: StepResult) -> None:
        await self._store.append(result)
        for listener in self._listeners:
            listener.on_step(result)


if __name__ == "__main__":
    program.run(measure, __doc__, "a third of the rounds")
