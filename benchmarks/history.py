"""Records of a stack in the store, day after day, in virtual time.

The turns are those of the core. Successful probes write nothing, so a day consists of
BLIPS short failures per target, and once in OUTAGE_DAYS of an outage with a restart,
its evidence and two messages.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import (
    ContainersListed,
    EngineReachabilityChanged,
    Event,
    ProbeCompleted,
    RemedyCallResult,
    RemedyExecuted,
)
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import text_reason
from sidecar.core.step.step import run_step
from sidecar.storage.database import DATABASE
from sidecar.storage.store import SqliteStore

BLIPS = 1
OUTAGE_DAYS = 7
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
UNWATCHED_S = 600.0
REFUSED = probe_failure(
    Cause.REFUSED, text_reason("connection refused by 172.18.0.4:8080")
)
EVIDENCE = {
    "log": "2026-01-02T03:04:05.678Z a line of the container's log\n" * 600,
    "processes": [[n, 1, "S", "python3 -m service"] for n in range(10)],
    "stats": {"memory_bytes": 123_456_789.0, "pids": 12.0},
}


@dataclass
class Stack:
    """Targets in virtual time; every event is one turn."""

    count: int
    began_wall: float
    now: Moment = field(init=False)
    state: State = field(init=False)
    containers: dict[InstanceId, Container] = field(init=False)

    def __post_init__(self) -> None:
        self.now = Moment(1000.0, self.began_wall)
        names = [f"target-{number:04d}" for number in range(self.count)]
        self.targets = tuple(
            Target(n, probes=(HttpProbe(f"http://{n}:8080/health"),)) for n in names
        )
        self.containers = {
            InstanceId(n, 1): Container(
                n.encode().hex().ljust(64, "0"),
                f"bench-{n}-1",
                "bench",
                n,
                1,
                Status.RUNNING,
                started_at=self.began_wall - DAY_S,
                pid=1,
            )
            for n in names
        }
        self.state = State(started=self.now)

    def pass_time(self, seconds: float) -> None:
        """Advance the time without an event."""
        self.now = Moment(self.now.mono + seconds, self.now.wall + seconds)

    def send(self, event: Event) -> StepResult:
        """One turn."""
        result = run_step(self.state, event)
        self.state = result.state
        return StepResult(
            event, result.transitions, result.decisions, result.touched, result.state
        )

    def begin(self) -> Iterator[StepResult]:
        """List the containers, and probe them until all are healthy."""
        yield from self.list_containers()
        for _ in range(2):
            for instance_id in self.containers:
                yield self.probe(instance_id)
            self.pass_time(2.0)

    def list_containers(self) -> Iterator[StepResult]:
        """Report the engine as reachable, and list its containers."""
        yield self.send(EngineReachabilityChanged(self.now, reachable=True))
        roster = tuple(self.containers.items())
        yield self.send(ContainersListed(self.now, self.targets, roster))

    def probe(
        self, instance_id: InstanceId, outcome: ProbeResult | None = None
    ) -> StepResult:
        """A probe that ends now; without an outcome it succeeded."""
        run = self.containers[instance_id].run
        event = ProbeCompleted(
            self.now, instance_id, run, self.now.mono - 0.01, outcome or probe_success()
        )
        return self.send(event)

    def blip(self, instance_id: InstanceId) -> Iterator[StepResult]:
        """One failure, then an answer."""
        yield self.probe(instance_id, REFUSED)
        self.pass_time(2.0)
        yield self.probe(instance_id)

    def outage(self, instance_id: InstanceId) -> Iterator[StepResult]:
        """Down, restarted, healthy."""
        yield from self.list_containers()
        for _ in range(3):
            yield self.probe(instance_id, REFUSED)
            self.pass_time(2.0)
        fresh = replace(self.containers[instance_id], started_at=self.now.wall)
        self.containers[instance_id] = fresh
        executed = RemedyExecuted(
            self.now,
            instance_id,
            RemedyCallResult.DONE,
            text_reason("restarted"),
            fresh,
        )
        incident = self.state.instances[instance_id].incident or ""
        message = _message(incident, 1, MessageKind.OPENED, self.now.wall)
        yield self.send(executed)._replace(evidence=EVIDENCE, messages=(message,))
        self.pass_time(5.0)
        yield self.probe(instance_id)
        self.pass_time(2.0)
        message = _message(incident, 2, MessageKind.RESOLVED, self.now.wall)
        yield self.probe(instance_id)._replace(messages=(message,))

    def day(self, number: int) -> Iterator[StepResult]:
        """All failures and outages of one day, spread over it."""
        instances = list(self.containers)
        due = [
            each
            for place, each in enumerate(instances)
            if (place + number) % OUTAGE_DAYS == 0
        ]
        events = [
            (nth / len(due), self.outage, instance_id)
            for nth, instance_id in enumerate(due)
        ]
        for round_ in range(BLIPS):
            at = (round_ + 0.5 / len(instances)) / BLIPS
            step = 1.0 / (len(instances) * BLIPS)
            events += [
                (at + n * step, self.blip, each) for n, each in enumerate(instances)
            ]
        began = self.now.mono
        for at, event, instance_id in sorted(events, key=lambda item: item[0]):
            self.pass_time(max(0.0, began + at * DAY_S - self.now.mono))
            yield from event(instance_id)
        self.pass_time(max(0.0, began + DAY_S - self.now.mono))


def _message(incident: str, sequence: int, kind: MessageKind, at: float) -> Message:
    facts = {"target": "service", "cause": "refused", "reason": str(REFUSED.reason)}
    message_id = f"{incident}-{sequence}-ops"
    return Message(message_id, incident, sequence, "ops", kind, Severity.P1, at, facts)


async def keep(store: SqliteStore, turns: Iterator[StepResult]) -> int:
    """Store all turns and return their number; messages are delivered at once."""
    count = 0
    for turn in turns:
        await store.append(turn)
        for message in turn.messages:
            await store.outbox.mark_delivered(message.id, message.created_wall)
        count += 1
    return count


class CopyRule(NamedTuple):
    """A rule to copy a table's rows to earlier days; ``at``: the column of the time."""

    columns: str
    at: str


_COPY_RULES = {
    "journal": CopyRule(
        "NULL, at_wall - :back, kind, target, incident || :nth, data, brief", "at_wall"
    ),
    "incidents": CopyRule(
        "id || :nth, opened_wall - :back, resolved_wall - :back, value", "opened_wall"
    ),
    "evidence": CopyRule("NULL, incident || :nth, at_wall - :back, value", "at_wall"),
}


def multiply(state_dir: Path, from_wall: float, lived_days: int, days: int) -> None:
    """Copy the records of the days since ``from_wall`` to earlier times, repeatedly,
    until there are ``days``.

    Written without waiting for the disk. UNWATCHED_S of each week are not monitored.
    """
    connection = sqlite3.connect(state_dir / DATABASE, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for table, (columns, at) in _COPY_RULES.items():
        connection.execute(
            f"CREATE TEMP TABLE lived AS SELECT * FROM {table} WHERE {at} >= ?",
            (from_wall,),
        )
        for nth in range(1, days // lived_days):
            connection.execute(
                f"INSERT INTO {table} SELECT {columns} FROM temp.lived",
                {"back": nth * lived_days * DAY_S, "nth": f"-{nth}"},
            )
        connection.execute("DROP TABLE temp.lived")
    first = from_wall + (lived_days - days) * DAY_S
    weeks = [(first + n * WEEK_S, first + (n + 1) * WEEK_S) for n in range(days // 7)]
    intervals = [(begin, end - UNWATCHED_S) for begin, end in weeks]
    connection.executemany("INSERT INTO watched VALUES (?, ?)", intervals)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
