"""What the HTTP API tells of the past, from a real store on a real disk.

Everything is asked twice: of the store, and of a journal in memory.
"""

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    JournalStep,
    MonitoredInterval,
)
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.storage import Journal, StoreUnavailable
from sidecar.storage.database import DATABASE
from sidecar.storage.read.report_query import PIECE_STEPS
from sidecar.storage.store import SqliteStore
from sidecar.web.routes.history import MAX_ENTRIES
from tests.adapters.web.test_reports import (
    SERVICE,
    WALLET,
    WITH_TOKEN,
    Archive,
    Caller,
    called,
    refused_and_healed,
)
from tests.support.memory_journal import as_steps, steps_of
from tests.support.stored_world import change, keep, opened

BUNDLE = {"name": WALLET, "decision": "restart", "log": "last words"}


@dataclass
class Turns:
    """Told of every turn; keeps it as the loop hands it to a store."""

    kept: list[StepResult] = field(default_factory=list)

    def on_step(self, result: StepResult) -> None:
        self.kept.append(result)


class Library:
    """An office asked from memory, and the same one asked from its store."""

    def __init__(self, store: SqliteStore, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.store = store
        self.office = Archive()
        self.turns = Turns()
        world = self.office.world
        world.listeners = (*world.listeners, self.turns)
        world.relist()
        self.office.journal.kept.clear()
        self.began = world.now.wall

    async def write(self) -> None:
        """To the disk, with the time that was watched."""
        turns, self.turns.kept = self.turns.kept, []
        await keep(self.store, *turns)
        ended = self.office.world.now.wall
        self.office.journal.stretches = [MonitoredInterval(self.began, ended)]
        wall = self.began
        while wall < ended:
            await self.store.note_alive(wall)
            wall += 30.0
        await self.store.note_alive(ended)

    async def asked(self, path: str, **headers: str) -> object:
        """What both answer to the same question; they must not differ."""
        told = await self._told(self.office.journal, path, headers)
        assert await self._told(self.store.journal, path, headers) == told
        return told

    async def _told(
        self, journal: Journal, path: str, headers: dict[str, str]
    ) -> object:
        self.office.desk = replace(self.office.desk, journal=journal)
        async with aclosing(called(self.office)) as callers:
            return await read(await anext(callers), path, headers)


async def read(caller: Caller, path: str, headers: dict[str, str]) -> object:
    async with caller.http.get(f"/api/v1{path}", headers=headers) as response:
        assert response.status == 200, await response.text()
        if response.content_type == "text/markdown":
            return await response.text()
        return await response.json()


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with opened(tmp_path) as store:
        yield Library(store, tmp_path)


async def test_incidents_and_their_course(library: Library) -> None:
    healed = refused_and_healed(library.office)
    library.office.world.wait(60.0)
    library.office.world.relist()
    library.office.world.fails(WALLET, Cause.AUTH)
    await library.write()
    told = await library.asked("/incidents")
    assert isinstance(told, dict)
    assert len(told["incidents"]) == 2
    told = await library.asked("/incidents?open=1")
    assert isinstance(told, dict)
    assert len(told["incidents"]) == 1
    one = await library.asked(f"/incidents/{healed}")
    assert isinstance(one, dict)
    assert one["impact"][0]["down_seconds"] > 0
    assert [line["outcome"] for line in one["remedies"]] == ["recovered"]


async def test_a_postmortem_with_its_evidence(library: Library) -> None:
    which = refused_and_healed(library.office)
    await library.write()
    library.office.journal.bundles[which] = [BUNDLE]
    change(
        library.state_dir,
        "INSERT INTO evidence (incident, at_wall, value) VALUES (?, ?, ?)",
        which,
        library.began,
        '{"name": "electron-cash", "decision": "restart", "log": "last words"}',
    )
    document = await library.asked(f"/incidents/{which}/postmortem", **WITH_TOKEN)
    assert isinstance(document, str)
    assert document.startswith("# Post-mortem: electron-cash did not accept")
    assert "last words" in document
    document = await library.asked(f"/incidents/{which}/postmortem")
    assert isinstance(document, str)
    assert "last words" not in document


async def test_history(library: Library) -> None:
    refused_and_healed(library.office)
    await library.write()
    told = await library.asked("/history?since=1h")
    assert isinstance(told, dict)
    kinds = {entry["type"] for entry in told["entries"]}
    assert kinds == {"transition", "decision", "outcome", "balance", "incident"}
    for query in (f"target={SERVICE}", f"target={WALLET}&since=20s", "since=366d"):
        await library.asked(f"/history?{query}")


async def test_a_history_too_long_is_cut_alike(library: Library) -> None:
    for _ in range(MAX_ENTRIES // 3 + 1):
        library.office.world.fails(SERVICE, Cause.REFUSED, times=1)
        library.office.world.works(SERVICE, times=1)
    await library.write()
    told = await library.asked("/history")
    assert isinstance(told, dict)
    assert (told["complete"], len(told["entries"])) == (False, MAX_ENTRIES)


async def test_reports(library: Library) -> None:
    refused_and_healed(library.office)
    library.office.world.wait(300.0)
    for _ in range(20):
        library.office.world.fails(SERVICE, Cause.HTTP_5XX, times=1)
        library.office.world.works(SERVICE, times=3)
    await library.write()
    told = await library.asked("/report?window=1h")
    assert isinstance(told, dict)
    by_name = {one["target"]: one for one in told["targets"]}
    assert by_name[WALLET]["restarts"] == 1
    assert by_name[SERVICE]["blips"] == 20
    assert by_name[SERVICE]["availability"] < 1.0
    for window in ("60s", "200s", "7d", "366d"):
        await library.asked(f"/report?window={window}")


# --- what a report is made of


NAMES = ("a", "b", "c")
FAILED = {"from": "healthy", "to": "failing", "cause": "refused"}
RESTARTED = {"action": "restart", "trigger": "failure", "outcome": "recovered"}


async def test_steps_come_in_bounded_pieces_and_in_order(library: Library) -> None:
    began = library.began
    entries = [
        JournalEntry(began + n // 7, EntryKind.REMEDY, NAMES[n % 3], None, RESTARTED)
        if n % 11 == 0
        else JournalEntry(began + n // 7, EntryKind.STATE, NAMES[n % 3], None, FAILED)
        for n in range(5 * PIECE_STEPS)
    ]
    briefs = {
        EntryKind.STATE: "healthy>failing refused",
        EntryKind.REMEDY: "restart failure recovered",
    }
    rows = [(e.at_wall, e.kind, e.target, briefs[e.kind]) for e in entries]
    connection = sqlite3.connect(library.state_dir / DATABASE)
    with connection:
        connection.executemany(
            "INSERT INTO journal (at_wall, kind, target, data, brief)"
            " VALUES (?, ?, ?, '{}', ?)",
            rows,
        )
    connection.close()
    since, until = began + 5.0, began + len(entries) // 7 - 5.0
    found: dict[str, list[tuple[float, JournalStep]]] = {}
    pieces = 0
    async for piece in library.store.journal.steps(since, until):
        pieces += 1
        assert sum(len(steps) for _, (_, steps) in piece) <= PIECE_STEPS
        for target, steps in piece:
            found.setdefault(target, []).extend(zip(*steps, strict=True))
    asked = [e for e in entries if since <= e.at_wall < until]
    assert pieces == 2 * len(NAMES)
    assert {t: as_steps(pairs) for t, pairs in found.items()} == dict(steps_of(asked))


async def test_of_readers_that_fail_together_one_is_told_of(library: Library) -> None:
    refused_and_healed(library.office)
    await library.write()
    change(library.state_dir, "ALTER TABLE journal RENAME COLUMN brief TO lost")
    unasked: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unasked.append(context["message"]))
    with pytest.raises(StoreUnavailable, match="brief"):
        await anext(library.store.journal.steps(0.0, 2e9))
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert not unasked


async def test_a_line_says_briefly_what_it_says_at_length(library: Library) -> None:
    refused_and_healed(library.office)
    library.office.world.fails(WALLET, Cause.AUTH)
    await library.write()
    kept = library.office.journal.kept
    found = [p async for p in library.store.journal.steps(0.0, 2e9)]
    told = {target: steps.steps for piece in found for target, steps in piece}
    assert told == {target: steps.steps for target, steps in steps_of(kept)}
    assert len(told) == 2
