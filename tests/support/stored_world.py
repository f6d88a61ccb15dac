"""What the tests of the store share: turns of a small world, and a look inside."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import Clock
from sidecar.core.step.step import run_step
from sidecar.storage.database import DATABASE
from sidecar.storage.store import SqliteStore, open_store
from tests.support.fakes import FakeClock
from tests.support.rule_world import EPOCH, RuleWorld

ROOT = "electron-cash"
LEAF = "bitcoincash-service"


@dataclass
class StoredWorld(RuleWorld):
    """Keeps its turns as the loop hands them to a store."""

    lists: bool = False
    turns: list[StepResult] = field(default_factory=list)

    def send(self, event: Event) -> tuple[Decision, ...]:  # type: ignore[explicit-override]
        done = run_step(self.state, event)
        self.state = done.state
        self.decisions.extend(done.decisions)
        self.transitions.extend(done.transitions)
        self.turns.append(done._replace(messages=()))
        return done.decisions

    def take(self) -> list[StepResult]:
        """The turns since the last call."""
        turns, self.turns = self.turns, []
        return turns

    def outage(self) -> None:
        """The root refuses, is restarted, and works again."""
        self.works(ROOT, LEAF)
        self.fails(ROOT, Cause.REFUSED)
        self.acted(ROOT)
        self.works(ROOT, LEAF, times=3)


async def keep(store: SqliteStore, *turns: StepResult) -> None:
    for turned in turns:
        await store.append(turned)


@asynccontextmanager
async def opened(
    state_dir: Path, clock: Clock | None = None
) -> AsyncIterator[SqliteStore]:
    store = await open_store(state_dir, clock or FakeClock())
    try:
        yield store
    finally:
        await store.close()


def look(state_dir: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """What is on disk, seen by another connection."""
    connection = sqlite3.connect(state_dir / DATABASE)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def change(state_dir: Path, query: str, *values: object) -> None:
    """As a person with the sqlite3 command would."""
    connection = sqlite3.connect(state_dir / DATABASE)
    with connection:
        connection.execute(query, values)
    connection.close()


def message(number: int, **changes: object) -> Message:
    facts: dict[str, object] = {
        "id": f"m{number}",
        "incident": "i1",
        "sequence": number,
        "channel": "ops",
        "kind": MessageKind.OPENED,
        "severity": Severity.P1,
        "created_wall": EPOCH + number,
        "facts": {"target": ROOT, "reason": "지갑이 응답하지 않습니다"},
    }
    return Message(**{**facts, **changes})  # type: ignore[arg-type]  # any field of it
