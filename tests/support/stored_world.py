"""Helpers of the store's tests: turns of a small world, and database access."""

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
    """Keeps its turns in the form that the loop passes to a store."""

    lists: bool = False
    turns: list[StepResult] = field(default_factory=list)

    def send(self, event: Event) -> tuple[Decision, ...]:  # type: ignore[explicit-override]
        result = run_step(self.state, event)
        self.state = result.state
        self.decisions.extend(result.decisions)
        self.transitions.extend(result.transitions)
        self.turns.append(result._replace(messages=()))
        return result.decisions

    def take(self) -> list[StepResult]:
        """The turns since the last call."""
        turns, self.turns = self.turns, []
        return turns

    def outage(self) -> None:
        """The root refuses, is restarted, and works again."""
        self.works(ROOT, LEAF)
        self.fails(ROOT, Cause.REFUSED)
        self.complete_remedy(ROOT)
        self.works(ROOT, LEAF, times=3)


async def append_all(store: SqliteStore, *turns: StepResult) -> None:
    for turn in turns:
        await store.append(turn)


@asynccontextmanager
async def open_test_store(
    state_dir: Path, clock: Clock | None = None
) -> AsyncIterator[SqliteStore]:
    store = await open_store(state_dir, clock or FakeClock())
    try:
        yield store
    finally:
        await store.close()


def query_database(
    state_dir: Path, query: str, *values: object
) -> list[tuple[object, ...]]:
    """Rows of a query over a separate connection."""
    connection = sqlite3.connect(state_dir / DATABASE)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def change_database(state_dir: Path, query: str, *values: object) -> None:
    """Change the database over a separate connection."""
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
