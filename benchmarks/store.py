"""What remembering costs: ``python -m benchmarks.store``; some minutes.

The turns are those of the core, in virtual time; the store is real, in a directory
that ``--dir`` names (a temporary one otherwise). Ordinary probes write nothing, so
a day is simulated by what is not ordinary: per target and day BLIPS short streaks
of failures, and an outage with a restart, its evidence and two messages once in
OUTAGE_DAYS.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from loguru import logger

from sidecar.clock import SystemClock
from sidecar.core.container import Container, Status
from sidecar.core.event import (
    ActResult,
    ContainersListed,
    EngineSeen,
    Event,
    ProbeDone,
    RemedyActed,
)
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, Outcome, Severity, failure, success
from sidecar.core.ports import Turned
from sidecar.core.record import EntryKind, Message, MessageKind
from sidecar.core.state import State
from sidecar.core.target import HttpProbe, InstanceId, Target
from sidecar.core.turn import turn
from sidecar.records.database import DATABASE
from sidecar.records.store import SqliteStore, open_store

BLIPS = 4
OUTAGE_DAYS = 5
DAY_S = 86_400.0
BEGAN_WALL = 1_750_000_000.0
REFUSED = failure(Cause.REFUSED, "connection refused by 172.18.0.4:8080")
EVIDENCE = {
    "log": "2026-01-02T03:04:05.678Z a line of the container's log\n" * 600,
    "processes": [[n, 1, "S", "python3 -m service"] for n in range(10)],
    "stats": {"memory_bytes": 123_456_789.0, "pids": 12.0},
}


@dataclass
class Stack:
    """Targets in virtual time; every event is one turn."""

    count: int
    now: Moment = Moment(1000.0, BEGAN_WALL)
    state: State = field(init=False)
    containers: dict[InstanceId, Container] = field(init=False)

    def __post_init__(self) -> None:
        names = [f"service-{number:04d}" for number in range(self.count)]
        self.targets = tuple(
            Target(n, probes=(HttpProbe(f"http://{n}:8080/health"),)) for n in names
        )
        self.containers = {
            InstanceId(n, 1): Container(
                n.encode().hex().ljust(64, "0"),
                f"stack-{n}-1",
                "stack",
                n,
                1,
                Status.RUNNING,
                started_at=BEGAN_WALL - DAY_S,
                pid=1,
            )
            for n in names
        }
        self.state = State(started=self.now)

    def pass_time(self, seconds: float) -> None:
        """Nothing happens meanwhile."""
        self.now = Moment(self.now.mono + seconds, self.now.wall + seconds)

    def send(self, event: Event) -> Turned:
        """One turn."""
        done = turn(self.state, event)
        self.state = done.state
        return Turned(event, done.transitions, done.decisions, done.touched, done.state)

    def begin(self) -> Iterator[Turned]:
        """Known, and probed until all are healthy."""
        yield self.send(EngineSeen(self.now, reachable=True))
        roster = tuple(self.containers.items())
        yield self.send(ContainersListed(self.now, self.targets, roster))
        for _ in range(2):
            for who in self.containers:
                yield self.probe(who)
            self.pass_time(2.0)

    def probe(self, who: InstanceId, outcome: Outcome | None = None) -> Turned:
        """A probe that ends now; without an outcome it succeeded."""
        run = self.containers[who].run
        event = ProbeDone(
            self.now, who, run, self.now.mono - 0.01, outcome or success()
        )
        return self.send(event)

    def blip(self, who: InstanceId) -> Iterator[Turned]:
        """One failure, then an answer."""
        yield self.probe(who, REFUSED)
        self.pass_time(2.0)
        yield self.probe(who)

    def outage(self, who: InstanceId) -> Iterator[Turned]:
        """Down, restarted, healthy."""
        for _ in range(3):
            yield self.probe(who, REFUSED)
            self.pass_time(2.0)
        fresh = replace(self.containers[who], started_at=self.now.wall)
        self.containers[who] = fresh
        acted = RemedyActed(self.now, who, ActResult.DONE, "restarted", fresh)
        incident = self.state.instances[who].incident or ""
        told = _message(incident, 1, MessageKind.OPENED, self.now.wall)
        yield self.send(acted)._replace(evidence=EVIDENCE, messages=(told,))
        self.pass_time(5.0)
        yield self.probe(who)
        self.pass_time(2.0)
        told = _message(incident, 2, MessageKind.RESOLVED, self.now.wall)
        yield self.probe(who)._replace(messages=(told,))

    def day(self, number: int) -> Iterator[Turned]:
        """Everything out of the ordinary of one day."""
        whole = list(self.containers)
        step = DAY_S / (len(whole) * (BLIPS + 1))
        ends = self.now.mono + DAY_S
        for _ in range(BLIPS):
            for who in whole:
                yield from self.blip(who)
                self.pass_time(max(0.0, step - 2.0))
        for place, who in enumerate(whole):
            if (place + number) % OUTAGE_DAYS == 0:
                yield from self.outage(who)
        self.pass_time(max(0.0, ends - self.now.mono))


def _message(incident: str, sequence: int, kind: MessageKind, at: float) -> Message:
    facts = {"target": "service", "cause": "refused", "reason": REFUSED.reason}
    which = f"{incident}-{sequence}-ops"
    return Message(which, incident, sequence, "ops", kind, Severity.P1, at, facts)


async def keep(store: SqliteStore, turns: Iterator[Turned]) -> int:
    """Store them all; how many there were. Messages arrive at once."""
    count = 0
    for turned in turns:
        await store.append(turned)
        for message in turned.messages:
            await store.outbox.delivered(message.id, message.created_wall)
        count += 1
    return count


def row(what: str, result: str) -> None:
    print(f"| {what} | {result} |", flush=True)


async def overhead(state_dir: Path, count: int) -> None:
    """What a healthy probe's turn pays."""
    stack = Stack(count)
    store = await open_store(state_dir, SystemClock())
    await keep(store, stack.begin())
    healthy = [stack.probe(who) for who in stack.containers]
    rounds = []
    for _ in range(50):
        began = time.thread_time()
        for turned in healthy:
            await store.append(turned)
        rounds.append((time.thread_time() - began) / len(healthy))
    took = statistics.median(rounds)
    row(f"append of a healthy probe, {count} targets", f"{took * 1e6:.1f} µs of CPU")
    await store.close()


async def sustained(state_dir: Path, count: int) -> None:
    """Turns that write, as fast as they are taken, then at a steady pace."""
    stack = Stack(count)
    store = await open_store(state_dir, SystemClock())
    await keep(store, stack.begin())
    turns = [t for who in list(stack.containers)[:1000] for t in stack.blip(who)]
    waits = []
    began = time.perf_counter()
    for turned in turns:
        before = time.perf_counter()
        await store.append(turned)
        waits.append(time.perf_counter() - before)
    rate = len(turns) / (time.perf_counter() - began)
    cuts = [cut * 1e3 for cut in statistics.quantiles(waits, n=100)]
    row(
        f"writing turns, one after the other, {count} targets",
        f"{rate:.0f} a second; p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms",
    )
    alone, beside = await _lag(None, stack), await _lag(store, stack)
    row(
        f"loop lag at 100 turns a second, 5 of them writing, {count} targets",
        f"p99 {beside * 1e3:.1f} ms; without a store {alone * 1e3:.1f} ms",
    )
    await store.close()


async def _lag(store: SqliteStore | None, stack: Stack) -> float:
    """The p99 over 10 s, in seconds; without a store the turns are only made."""
    lags: list[float] = []
    loop = asyncio.get_running_loop()

    async def measure() -> None:
        while True:
            due = loop.time() + 0.005
            await asyncio.sleep(0.005)
            lags.append(loop.time() - due)

    measuring = asyncio.create_task(measure())
    names = list(stack.containers)
    for number in range(1000):
        who = names[number * 7 % len(names)]
        turned = stack.probe(who, REFUSED if number % 20 == 0 else success())
        if store is not None:
            await store.append(turned)
        await asyncio.sleep(0.01)
    measuring.cancel()
    return statistics.quantiles(lags, n=100)[98]


async def growth(state_dir: Path, count: int, days: int) -> None:
    """Bytes a day, then how long a year's history takes to open and to read."""
    stack = Stack(count)
    clock = SystemClock()
    store = await open_store(state_dir, clock)
    await keep(store, stack.begin())
    await store.prune(0.0, 0.0)
    before = _size(state_dir)
    for number in range(days):
        await keep(store, stack.day(number))
    await store.prune(0.0, 0.0)
    a_day = (_size(state_dir) - before) / days
    row(f"growth a day, {count} targets", f"{a_day / 1e6:.2f} MB")
    await store.close()


def _size(state_dir: Path) -> int:
    return (state_dir / DATABASE).stat().st_size


async def history(state_dir: Path, count: int, days: int) -> None:
    """Open and read what ``days`` days left, written without waiting for the disk."""
    await asyncio.to_thread(_multiply, state_dir, days)
    size = _size(state_dir) / 1e6
    began = time.perf_counter()
    store = await open_store(state_dir, SystemClock())
    await store.load()
    took = time.perf_counter() - began
    row(f"open and load {days} days, {count} targets ({size:.0f} MB)", f"{took:.3f} s")
    await _queries(store, count)
    await store.close()


async def _queries(store: SqliteStore, count: int) -> None:
    until = BEGAN_WALL + DAY_S
    since = until - 90 * DAY_S
    one = "service-0001"
    for what, target, kinds in (
        (f"all entries of one of {count} targets", one, frozenset[EntryKind]()),
        (f"remedies and incidents of {count} targets", None, _OUTAGES),
    ):
        began = time.perf_counter()
        found = await store.journal.entries(since, until, target=target, kinds=kinds)
        took = time.perf_counter() - began
        row(f"90 days: {what}", f"{took:.3f} s for {len(found)}")


_OUTAGES = frozenset({EntryKind.REMEDY, EntryKind.INCIDENT})


_COPIES = {
    "journal": "NULL, at_wall - :back, kind, target, incident || :day, data, brief",
    "incidents": "id || :day, opened_wall - :back, resolved_wall - :back, value",
    "evidence": "NULL, incident || :day, at_wall - :back, value",
}


def _multiply(state_dir: Path, days: int) -> None:
    """The journal, incidents and evidence that there are, once for each day."""
    connection = sqlite3.connect(state_dir / DATABASE, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for table, columns in _COPIES.items():
        connection.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table}")
        for day in range(1, days):
            connection.execute(
                f"INSERT INTO {table} SELECT {columns} FROM temp.one",
                {"back": day * DAY_S, "day": f"-{day}"},
            )
        connection.execute("DROP TABLE temp.one")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description="What remembering costs.")
    parser.add_argument("--dir", type=Path, help="a directory on the disk to measure")
    directory = parser.parse_args().dir
    logger.remove()
    print("| | |\n|---|---|")
    with tempfile.TemporaryDirectory(dir=directory) as name:
        base = Path(name)
        for count in (2, 1000):
            await overhead(base / f"overhead-{count}", count)
            await sustained(base / f"sustained-{count}", count)
        await growth(base / "grown-2", 2, days=5)
        await growth(base / "grown-1000", 1000, days=1)
        await history(base / "grown-2", 2, days=365)
        await history(base / "grown-1000", 1000, days=90)


if __name__ == "__main__":
    asyncio.run(main())
