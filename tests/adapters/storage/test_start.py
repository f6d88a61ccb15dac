"""A start on a disk that cannot be written: the store works in memory."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.storage import StoreInUse, StoreUnavailable
from sidecar.storage.database import DATABASE
from sidecar.storage.lock import LOCK_FILE
from sidecar.storage.store import open_store
from sidecar.storage.write.writer import RETRY_S
from tests.support.fakes import FakeClock
from tests.support.stored_world import (
    LEAF,
    StoredWorld,
    append_all,
    message,
    open_test_store,
    query_database,
)


@contextmanager
def full_disk(_: Path) -> Iterator[None]:
    """No file can hold anything more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def file_in_the_way(state_dir: Path) -> Iterator[None]:
    """A file stands in place of the state directory."""
    state_dir.rmdir()
    state_dir.write_text("")
    try:
        yield
    finally:
        state_dir.unlink()


TROUBLES = {"full": full_disk, "in the way": file_in_the_way}


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
async def test_unwritable_store_works_in_memory_and_is_written_later(
    tmp_path: Path, trouble: str
) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    world, clock, log_lines = StoredWorld(), FakeClock(), list[str]()
    number = logger.add(lambda line: log_lines.append(str(line)), format="{message}")
    with TROUBLES[trouble](state_dir):
        store = await open_store(state_dir, clock)
        assert await store.load() is None
        assert store.doubt
        assert store.component()[1:3] == (False, store.doubt)
        world.outage()
        *turns, last = world.take()
        await append_all(store, *turns, last._replace(messages=(message(1),)))
        assert not store.component().ok
        assert await store.outbox.due("ops", 2e9) is not None
        with pytest.raises(StoreUnavailable):
            await store.journal.incidents()
        with pytest.raises(StoreUnavailable):
            await store.prune(1.0, 1.0)
    clock.advance(RETRY_S)
    await store.append(StepResult(Tick(world.now), (), (), (), world.state))
    assert store.component() == store.component()._replace(ok=True, reason="")
    assert await store.journal.incidents()
    await store.close()
    logger.remove(number)
    assert sum("cannot be written" in line for line in log_lines) == 1
    async with open_test_store(state_dir) as store:
        state = await store.load()
        assert state is not None
        assert state.incidents == world.state.incidents
        assert store.doubt == ""


async def test_read_only_store_loads_its_state(
    tmp_path: Path,
) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        world.fails(LEAF, Cause.REFUSED)
        await append_all(store, *world.take())
    with full_disk(tmp_path):
        store = await open_store(tmp_path, FakeClock())
        state = await store.load()
        assert state is not None
        assert state.incidents == world.state.incidents
        assert store.doubt
        await store.close()


async def test_unwritable_store_is_locked_against_a_second_sidecar(
    tmp_path: Path,
) -> None:
    with full_disk(tmp_path):
        store = await open_store(tmp_path, FakeClock())
        with pytest.raises(StoreInUse):
            await open_store(tmp_path, FakeClock())
    await store.close()
    async with open_test_store(tmp_path) as store:
        assert store.doubt == ""


async def test_store_in_use_by_another_sidecar_is_not_written(
    tmp_path: Path,
) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    world, clock = StoredWorld(), FakeClock()
    with file_in_the_way(state_dir):
        store = await open_store(state_dir, clock)
    async with open_test_store(state_dir):
        world.outage()
        await append_all(store, *world.take())
        assert "another sidecar" in str(store.component().reason)
        assert query_database(state_dir, "SELECT * FROM journal") == []
    await store.close()


async def test_an_empty_file_is_set_aside_as_a_corrupt_one_is(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        await append_all(store, *world.take())
    os.truncate(tmp_path / DATABASE, 0)
    clock = FakeClock(wall=1_700_000_000.0)
    async with open_test_store(tmp_path, clock) as store:
        assert await store.load() is None
        name = f"{DATABASE}.corrupt-20231114T221320Z"
        assert name in str(store.component().reason)
        assert name in store.doubt
    assert (tmp_path / name).stat().st_size == 0


async def test_a_start_that_was_killed_leaves_no_empty_store(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"{DATABASE}.new{suffix}").write_bytes(
            b"of a start that was killed"
        )
    async with open_test_store(tmp_path) as store:
        assert store.doubt == ""
        assert (tmp_path / DATABASE).stat().st_mode & 0o777 == 0o600
    assert set(os.listdir(tmp_path)) == {DATABASE, LOCK_FILE}  # noqa: PTH208


async def test_the_doubt_names_the_directory_and_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = await open_store(tmp_path / "file" / "state", FakeClock())
    assert os.strerror(errno.ENOTDIR) in store.doubt
    assert "SIDECAR_STATE_DIR" in store.doubt
    await store.close()
