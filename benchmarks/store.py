"""Costs of the store, with 2 and with 1,000 targets. Takes some minutes.

The store is real, in a directory on the disk that is measured. Its history is that of
the core's own turns in virtual time (benchmarks/history.py): every target fails for a
moment BLIPS times a day, and has an outage with a restart, its evidence and two
messages once in OUTAGE_DAYS days. The growth is what the days add; a year of them is
then what a start and a report have to read, and what `sidecar run` goes on from
(benchmarks/busy.py) while its loop is measured.

append   what a healthy probe's turn pays: the processor's time
writing  turns that change something, one after the other, each on the disk before the
         next
start    the store opened, checked, and the state read
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from loguru import logger

from benchmarks import busy, program
from benchmarks.history import BLIPS, DAY_S, OUTAGE_DAYS, Stack, keep, multiply
from benchmarks.table import Row, at_most
from sidecar.clock import SystemClock
from sidecar.storage.database import DATABASE
from sidecar.storage.store import open_store

LIVED_DAYS = {2: OUTAGE_DAYS, 1000: 1}
"""Enough days for an outage of each target, or of a part of many targets."""
YEAR_DAYS = 364
OWED_START_S = 1.0


def measure(*, quick: bool) -> list[Row]:
    """Measure with few targets, then with many."""
    logger.remove()
    return [*_rows(10.0 if quick else 20.0)]


def _rows(seconds: float) -> Iterator[Row]:
    for count in LIVED_DAYS:
        with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as name:
            yield from asyncio.run(_measure_writes(Path(name) / "written", count))
            year = Path(name) / "year"
            yield asyncio.run(_measure_growth(year, count))
            yield asyncio.run(_measure_start(year, count))
            yield from busy.measure(year, count, seconds)


async def _measure_writes(state_dir: Path, count: int) -> list[Row]:
    stack = Stack(count, time.time())
    store = await open_store(state_dir, SystemClock())
    await keep(store, stack.begin())
    healthy = [stack.probe(instance_id) for instance_id in stack.containers]
    rounds = []
    for _ in range(50):
        began = time.thread_time()
        for turn in healthy:
            await store.append(turn)
        rounds.append((time.thread_time() - began) / len(healthy))
    turns = [t for instance_id in stack.containers for t in stack.blip(instance_id)]
    began = time.perf_counter()
    for turn in turns:
        await store.append(turn)
    rate = len(turns) / (time.perf_counter() - began)
    await store.close()
    append = f"{statistics.median(rounds) * 1e6:.1f} µs of CPU"
    return [
        Row(f"append of a healthy probe, {count:,} targets", append),
        Row(f"writing, {count:,} targets", f"{rate:.0f} turns a second"),
    ]


async def _measure_growth(state_dir: Path, count: int) -> Row:
    lived = LIVED_DAYS[count]
    stack = Stack(count, time.time() - lived * DAY_S)
    store = await open_store(state_dir, SystemClock())
    await keep(store, stack.begin())
    await store.prune(0.0, 0.0)
    before, began_wall = _size(state_dir), stack.now.wall
    for number in range(lived):
        await keep(store, stack.day(number))
    await store.prune(0.0, 0.0)
    a_day = (_size(state_dir) - before) / lived
    await store.close()
    await asyncio.to_thread(multiply, state_dir, began_wall, lived, YEAR_DAYS)
    rate = f"{BLIPS} failure a day and an outage in {OUTAGE_DAYS} days each"
    return Row(f"growth, {count:,} targets, {rate}", f"{a_day / 1e6:.2f} MB a day")


async def _measure_start(state_dir: Path, count: int) -> Row:
    size = _size(state_dir) / 1e6
    began = time.perf_counter()
    store = await open_store(state_dir, SystemClock())
    await store.load()
    took = time.perf_counter() - began
    await store.close()
    what = f"start, {count:,} targets, a year of history ({size:,.0f} MB)"
    return at_most(what, f"{took:.2f} s", took, OWED_START_S, unit=" s")


def _size(state_dir: Path) -> int:
    return (state_dir / DATABASE).stat().st_size


if __name__ == "__main__":
    program.run(measure, __doc__, "shorter")
