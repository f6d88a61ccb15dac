"""Past events in the HTTP API, from a real store on a real disk.

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
from tests.support.api_services import trigger_planned_restart
from tests.support.incident_archive import (
    SERVICE,
    WALLET,
    WITH_TOKEN,
    Archive,
    Caller,
    record_healed_incident,
    serve_archive,
)
from tests.support.memory_journal import as_steps, steps_of
from tests.support.stored_world import append_all, change_database, open_test_store

BUNDLE = {"name": WALLET, "decision": "restart", "log": "last words"}


@dataclass
class Turns:
    """Listener that keeps every step as the loop hands it to a store."""

    results: list[StepResult] = field(default_factory=list)

    def on_step(self, result: StepResult) -> None:
        self.results.append(result)


class Library:
    """The same API over a journal in memory and over a store on disk."""

    def __init__(self, store: SqliteStore, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.store = store
        self.archive = Archive()
        self.turns = Turns()
        world = self.archive.world
        world.listeners = (*world.listeners, self.turns)
        world.relist()
        self.archive.journal.stored_entries.clear()
        self.began = world.now.wall

    async def write(self) -> None:
        """Write the steps and the monitored time to the disk."""
        turns, self.turns.results = self.turns.results, []
        await append_all(self.store, *turns)
        ended = self.archive.world.now.wall
        self.archive.journal.intervals = [MonitoredInterval(self.began, ended)]
        wall = self.began
        while wall < ended:
            await self.store.note_alive(wall)
            wall += 30.0
        await self.store.note_alive(ended)

    async def get_from_both(self, path: str, **headers: str) -> object:
        """Answer of both to the same request; the two must not differ."""
        body = await self._get(self.archive.journal, path, headers)
        assert await self._get(self.store.journal, path, headers) == body
        return body

    async def _get(
        self, journal: Journal, path: str, headers: dict[str, str]
    ) -> object:
        self.archive.desk = replace(self.archive.desk, journal=journal)
        async with aclosing(serve_archive(self.archive)) as callers:
            return await read(await anext(callers), path, headers)


async def read(caller: Caller, path: str, headers: dict[str, str]) -> object:
    async with caller.http.get(f"/api/v1{path}", headers=headers) as response:
        assert response.status == 200, await response.text()
        if response.content_type == "text/markdown":
            return await response.text()
        return await response.json()


async def read_public(journal: Journal, archive: Archive, path: str) -> str:
    """The text of a public answer, with the archive's past from this journal."""
    archive.desk = replace(archive.desk, journal=journal)
    async with aclosing(serve_archive(archive)) as callers:
        caller = await anext(callers)
        async with caller.http.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.text()


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_test_store(tmp_path) as store:
        yield Library(store, tmp_path)


async def test_incidents_are_the_same_from_disk_and_from_memory(
    library: Library,
) -> None:
    healed = record_healed_incident(library.archive)
    library.archive.world.wait(60.0)
    library.archive.world.relist()
    library.archive.world.fails(WALLET, Cause.AUTH)
    await library.write()
    body = await library.get_from_both("/incidents")
    assert isinstance(body, dict)
    assert len(body["incidents"]) == 2
    body = await library.get_from_both("/incidents?open=1")
    assert isinstance(body, dict)
    assert len(body["incidents"]) == 1
    one = await library.get_from_both(f"/incidents/{healed}")
    assert isinstance(one, dict)
    assert one["impact"][0]["down_seconds"] > 0
    assert [line["outcome"] for line in one["remedies"]] == ["recovered"]


async def test_a_postmortem_with_its_evidence(library: Library) -> None:
    incident_id = record_healed_incident(library.archive)
    await library.write()
    library.archive.journal.bundles[incident_id] = [BUNDLE]
    change_database(
        library.state_dir,
        "INSERT INTO evidence (incident, at_wall, value) VALUES (?, ?, ?)",
        incident_id,
        library.began,
        '{"name": "electron-cash", "decision": "restart", "log": "last words"}',
    )
    document = await library.get_from_both(
        f"/incidents/{incident_id}/postmortem", **WITH_TOKEN
    )
    assert isinstance(document, str)
    assert document.startswith("# Post-mortem: electron-cash did not accept")
    assert "last words" in document
    document = await library.get_from_both(f"/incidents/{incident_id}/postmortem")
    assert isinstance(document, str)
    assert "last words" not in document


async def test_history_is_the_same_from_disk_and_from_memory(library: Library) -> None:
    record_healed_incident(library.archive)
    await library.write()
    body = await library.get_from_both("/history?since=1h")
    assert isinstance(body, dict)
    kinds = {entry["type"] for entry in body["entries"]}
    assert kinds == {"transition", "decision", "outcome", "balance", "incident"}
    for query in (f"target={SERVICE}", f"target={WALLET}&since=20s", "since=366d"):
        await library.get_from_both(f"/history?{query}")


async def test_a_history_too_long_is_cut_alike(library: Library) -> None:
    for _ in range(MAX_ENTRIES // 3 + 1):
        library.archive.world.fails(SERVICE, Cause.REFUSED, times=1)
        library.archive.world.works(SERVICE, times=1)
    await library.write()
    body = await library.get_from_both("/history")
    assert isinstance(body, dict)
    assert (body["complete"], len(body["entries"])) == (False, MAX_ENTRIES)


async def test_reports_are_the_same_from_disk_and_from_memory(library: Library) -> None:
    record_healed_incident(library.archive)
    library.archive.world.wait(300.0)
    for _ in range(20):
        library.archive.world.fails(SERVICE, Cause.HTTP_5XX, times=1)
        library.archive.world.works(SERVICE, times=3)
    await library.write()
    body = await library.get_from_both("/report?window=1h")
    assert isinstance(body, dict)
    by_name = {one["target"]: one for one in body["targets"]}
    assert by_name[WALLET]["restarts"] == 1
    assert by_name[SERVICE]["blips"] == 20
    assert by_name[SERVICE]["availability"] < 1.0
    for window in ("60s", "200s", "7d", "366d"):
        await library.get_from_both(f"/report?window={window}")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/feed.atom", "Restarted as planned: electron-cash. It works."),
        (f"/badge/{WALLET}/availability/7d.svg", " %</title>"),
    ],
)
async def test_public_answers_are_the_same_from_disk_and_from_memory(
    library: Library, path: str, part: str
) -> None:
    world = library.archive.world
    world.works(WALLET, SERVICE)
    trigger_planned_restart(library.archive)
    world.complete_remedy(WALLET)
    world.works(WALLET)
    world.wait(600.0, step=10.0)
    record_healed_incident(library.archive)
    await library.write()
    in_memory = await read_public(library.archive.journal, library.archive, path)
    assert part in in_memory
    assert await read_public(library.store.journal, library.archive, path) == in_memory


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
    steps_by_target: dict[str, list[tuple[float, JournalStep]]] = {}
    pieces = 0
    async for piece in library.store.journal.steps(since, until):
        pieces += 1
        assert sum(len(steps) for _, (_, steps) in piece) <= PIECE_STEPS
        for target, steps in piece:
            steps_by_target.setdefault(target, []).extend(zip(*steps, strict=True))
    expected = [e for e in entries if since <= e.at_wall < until]
    assert pieces == 2 * len(NAMES)
    assert {t: as_steps(pairs) for t, pairs in steps_by_target.items()} == dict(
        steps_of(expected)
    )


async def test_readers_that_fail_together_raise_one_error(library: Library) -> None:
    record_healed_incident(library.archive)
    await library.write()
    change_database(
        library.state_dir, "ALTER TABLE journal RENAME COLUMN brief TO lost"
    )
    unasked: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unasked.append(context["message"]))
    with pytest.raises(StoreUnavailable, match="brief"):
        await anext(library.store.journal.steps(0.0, 2e9))
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert not unasked


async def test_brief_of_an_entry_matches_its_data(library: Library) -> None:
    record_healed_incident(library.archive)
    library.archive.world.fails(WALLET, Cause.AUTH)
    await library.write()
    entries = library.archive.journal.stored_entries
    pieces = [p async for p in library.store.journal.steps(0.0, 2e9)]
    brief_steps = {target: steps.steps for piece in pieces for target, steps in piece}
    assert brief_steps == {target: steps.steps for target, steps in steps_of(entries)}
    assert len(brief_steps) == 2
