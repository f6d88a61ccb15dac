"""Whatever stands in the store, it is read, set aside or refused with a reason."""

import asyncio
import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.state import State
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.recovery.takeover import restore_state
from sidecar.storage.database import DATABASE
from sidecar.storage.store import open_store
from tests.fuzz.inputs import JSON, TEXTS, encoded
from tests.support.fakes import FakeClock
from tests.support.stored_world import StoredWorld

TABLES = ("memory", "instances", "incidents", "ledger")
VALUES = TEXTS.map(lambda text: text.encode(errors="replace").decode()) | JSON.map(
    lambda value: encoded(value).decode()
)


async def read(folder: Path) -> State | None:
    """What a new process makes of it; StoreBroken."""
    clock = FakeClock()
    store = await open_store(folder, clock)
    try:
        state = await store.load()
        saved = store.saved_at
        return restore_state(state, saved, clock.now()) if state and saved else state
    finally:
        await store.close()


async def write(folder: Path) -> None:
    world = StoredWorld()
    world.outage()
    store = await open_store(folder, FakeClock())
    for turned in world.take():
        await store.append(turned)
    await store.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir(mode=0o700)
    asyncio.run(write(folder))
    return folder


def copy_of(good: Path) -> Path:
    folder = good.parent / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
    return folder


def outcome(folder: Path) -> None:
    with contextlib.suppress(StoreUnavailable):
        asyncio.run(read(folder))


def test_any_value_in_a_row(good: Path) -> None:
    @given(st.sampled_from(TABLES), VALUES)
    def each(table: str, value: str) -> None:
        folder = copy_of(good)
        with sqlite3.connect(folder / DATABASE) as connection:
            connection.execute(f"UPDATE {table} SET value = ?", (value,))
        connection.close()
        outcome(folder)

    each()


def test_any_bytes_in_the_file(good: Path) -> None:
    size = (good / DATABASE).stat().st_size

    @given(st.integers(0, size - 1), st.binary(min_size=1, max_size=200))
    def each(at: int, new: bytes) -> None:
        folder = copy_of(good)
        file = folder / DATABASE
        raw = file.read_bytes()
        file.write_bytes((raw[:at] + new + raw[at + len(new) :])[:size])
        outcome(folder)

    each()


def test_any_length_of_the_file(good: Path) -> None:
    size = (good / DATABASE).stat().st_size

    @given(st.integers(0, size))
    def each(length: int) -> None:
        folder = copy_of(good)
        file = folder / DATABASE
        file.write_bytes(file.read_bytes()[:length])
        outcome(folder)

    each()
