"""A disk that is full, locked or broken: the watch goes on and nothing is lost."""

import asyncio
import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.storage import StoreInUse, StoreUnavailable
from sidecar.storage import database
from sidecar.storage.database import DATABASE
from sidecar.storage.lock import LOCK_FILE
from sidecar.storage.store import SqliteStore, open_store
from sidecar.storage.write.batch import (
    WAITING_ENTRIES,
    WAITING_EVIDENCE,
    EvidenceRow,
    WriteBatch,
)
from sidecar.storage.write.writer import RETRY_S, WRITE_DEADLINE_S
from tests.support.fakes import FakeClock
from tests.support.stored_world import (
    LEAF,
    ROOT,
    StoredWorld,
    append_all,
    message,
    open_test_store,
    query_database,
)

ALL = (0.0, 2e9)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """Messages of the log."""
    lines: list[str] = []
    number = logger.add(lambda line: lines.append(str(line)), format="{message}")
    yield lines
    logger.remove(number)


@contextmanager
def no_more_space(state_dir: Path) -> Iterator[None]:
    """No file may grow beyond the size of the largest, the write-ahead log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(path.stat().st_size for path in state_dir.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def lock_database(state_dir: Path) -> Iterator[None]:
    """Another connection holds a write transaction open."""
    other = sqlite3.connect(state_dir / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


TROUBLES = {"full": no_more_space, "locked": lock_database}


async def outage_while(
    trouble: str, state_dir: Path, store: SqliteStore, world: StoredWorld
) -> None:
    """Run an outage during which all writes fail, with two messages and evidence."""
    before = query_database(state_dir, "SELECT * FROM journal")
    with TROUBLES[trouble](state_dir):
        world.wait(4000.0, 500.0)
        world.works(ROOT, LEAF)
        world.fails(ROOT, Cause.REFUSED)
        world.complete_remedy(ROOT)
        *turns, last = world.take()
        await append_all(store, *turns)
        await store.append(
            last._replace(
                messages=(message(1), message(2)), evidence={"log": "x" * 60_000}
            )
        )
        assert not store.component().ok
        assert store.component().reason
        assert query_database(state_dir, "SELECT * FROM journal") == before
        assert await deliver(store) == "m1"


async def deliver(store: SqliteStore) -> str:
    due = await store.outbox.due("ops", 2e9)
    assert due is not None
    await store.outbox.mark_delivered(due.id, 2e9)
    return due.id


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
async def test_failed_writes_wait_and_nothing_is_lost(
    tmp_path: Path, trouble: str, log_lines: list[str]
) -> None:
    world, clock = StoredWorld(), FakeClock()
    async with open_test_store(tmp_path, clock) as store:
        world.outage()
        await append_all(store, *world.take())
        await outage_while(trouble, tmp_path, store, world)
        clock.advance(RETRY_S)
        await store.append(StepResult(Tick(world.now), (), (), (), world.state))
        assert store.component().ok
        assert str(store.component().reason) == ""
        entries = await store.journal.entries(*ALL)
        assert len(entries) == len(world.transitions) + len(world.decisions)
        due = await store.outbox.due("ops", 2e9)
        assert due is not None
        assert due.id == "m2"
    assert len([line for line in log_lines if "cannot be written" in line]) == 1
    assert len([line for line in log_lines if "can be written again" in line]) == 1
    rows = query_database(tmp_path, "SELECT id, arrived FROM outbox ORDER BY id")
    assert rows == [("m1", 1), ("m2", 0)]
    assert len(query_database(tmp_path, "SELECT * FROM evidence")) == 1
    async with open_test_store(tmp_path) as store:
        state = await store.load()
        assert state is not None
        assert state.incidents == world.state.incidents


async def test_a_failing_disk_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    world, clock = StoredWorld(), FakeClock()
    loop = asyncio.get_running_loop()
    async with open_test_store(tmp_path, clock) as store:
        await append_all(store, *world.take())
        with lock_database(tmp_path):
            await store.note_alive(1.0)
            began = loop.time()
            world.works(ROOT, LEAF)
            world.fails(ROOT, Cause.REFUSED)
            await append_all(store, *world.take())
            # Seven turns: each would wait 2 s for the lock.
            assert loop.time() - began < 10.0
        clock.advance(RETRY_S)
        await store.note_alive(2.0)
        assert store.component().ok


async def test_a_disk_that_does_not_answer_holds_up_one_turn(tmp_path: Path) -> None:
    world, answers = StoredWorld(), threading.Event()
    loop = asyncio.get_running_loop()
    async with open_test_store(tmp_path) as store:
        await append_all(store, *world.take())
        stuck = asyncio.create_task(store._writer.run(lambda _: answers.wait(20.0)))
        world.outage()
        began = loop.time()
        await append_all(store, *world.take())
        # 14 turns: each would wait that long, until the disk answers after 20 s.
        assert WRITE_DEADLINE_S <= loop.time() - began < 3 * WRITE_DEADLINE_S
        assert "did not answer" in str(store.component().reason)
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await stuck
        answers.set()
        world.works(ROOT, LEAF)
        world.fails(ROOT, Cause.REFUSED)
        async with asyncio.timeout(60):
            while not store.component().ok:
                await append_all(store, *world.take())
                await asyncio.sleep(0.01)
    async with open_test_store(tmp_path) as store:
        count = len(await store.journal.entries(*ALL))
        assert count == len(world.transitions) + len(world.decisions)


async def test_waiting_writes_are_written_at_close(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        await append_all(store, *world.take())
        with lock_database(tmp_path):
            world.outage()
            await append_all(store, *world.take())
        assert not store.component().ok
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    assert state is not None
    assert state.incidents == world.state.incidents


def test_only_the_journal_and_evidence_are_bounded_by_dropping() -> None:
    world = StoredWorld()
    world.outage()
    waiting = WriteBatch()
    extra = WAITING_ENTRIES // len(world.transitions) + 1
    for number in range(extra):
        newer = WriteBatch(messages={f"m{number}": message(number)})
        newer.entries.extend(world.transitions)
        newer.evidence.append(EvidenceRow("i", float(number), {}))
        waiting.add(newer)
    assert len(waiting.entries) == WAITING_ENTRIES
    assert waiting.dropped == extra * len(world.transitions) - WAITING_ENTRIES
    assert waiting.entries[-1] is world.transitions[-1]
    assert len(waiting.evidence) == WAITING_EVIDENCE
    assert waiting.evidence[-1].at_wall == extra - 1
    assert len(waiting.messages) == extra


async def test_a_second_sidecar_is_refused(tmp_path: Path) -> None:
    async with open_test_store(tmp_path):
        with pytest.raises(StoreInUse, match="another sidecar"):
            await open_store(tmp_path, FakeClock())
    async with open_test_store(tmp_path):
        pass


async def test_lock_of_another_process_is_refused_until_it_ends(tmp_path: Path) -> None:
    code = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w');"
        "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        tmp_path / LOCK_FILE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        await process.stdout.readline()
    with pytest.raises(StoreInUse):
        await open_store(tmp_path, FakeClock())
    process.kill()
    async with asyncio.timeout(60):
        await process.wait()
    async with open_test_store(tmp_path):
        pass


Damage = Callable[[Path], None]


def overwrite_header(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def overwrite_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : len(data) - 4096] = os.urandom(len(data) - 8192)
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def write_no_utf8(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE instances SET target = CAST(X'80' AS TEXT) || target"
        )
    connection.close()


def misname_the_schema(path: Path) -> None:
    """SQLite's own list of tables has a name that is no UTF-8."""
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"tableinstances", b"tableinst\x80nces"))


@pytest.mark.parametrize(
    "damage",
    [
        overwrite_header,
        overwrite_pages,
        cut_off,
        make_directory,
        write_no_utf8,
        misname_the_schema,
    ],
)
async def test_broken_file_is_set_aside_and_reported(
    tmp_path: Path, damage: Damage, log_lines: list[str]
) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        await append_all(store, *world.take())
    damage(tmp_path / DATABASE)
    broken = tmp_path / DATABASE
    content = None if broken.is_dir() else broken.read_bytes()
    (tmp_path / f"{DATABASE}-shm").write_bytes(b"of the broken one")
    clock = FakeClock(wall=1_700_000_000.0)
    async with open_test_store(tmp_path, clock) as store:
        assert await store.load() is None
        component = store.component()
        assert component.ok
        name = "sidecar.db.corrupt-20231114T221320Z"
        assert name in component.reason
        assert any(name in line for line in log_lines)
        world.outage()
        await append_all(store, *world.take())
    aside = tmp_path / name
    if content is None:
        assert (tmp_path / f"{name}-shm").read_bytes() == b"of the broken one"
    assert aside.is_dir() if content is None else aside.read_bytes() == content
    async with open_test_store(tmp_path, clock) as store:
        assert await store.load() is not None
        assert str(store.component().reason) == ""
    overwrite_header(tmp_path / DATABASE)
    async with open_test_store(tmp_path, clock):
        assert (tmp_path / f"{name}-1").exists()
        assert aside.exists()


async def test_the_lock_is_of_the_file_itself(tmp_path: Path) -> None:
    async with open_test_store(tmp_path):
        with (tmp_path / LOCK_FILE).open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("damage", [overwrite_pages, cut_off])
async def test_needed_parts_of_a_large_file_are_checked(
    tmp_path: Path, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        await append_all(store, *world.take())
    monkeypatch.setattr(database, "WHOLE_CHECK_BYTES", 4096)
    async with open_test_store(tmp_path) as store:
        assert await store.load() is not None
    damage(tmp_path / DATABASE)
    async with open_test_store(tmp_path) as store:
        assert await store.load() is None
        assert "set aside" in str(store.component().reason)
