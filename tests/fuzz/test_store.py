"""A store with any content is read, set aside or refused with a reason."""

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
from tests.fuzz.inputs import JSON, TEXTS, to_json_bytes
from tests.support.fakes import FakeClock
from tests.support.stored_world import StoredWorld

TABLES = ("memory", "instances", "incidents", "ledger")
VALUES = TEXTS.map(lambda text: text.encode(errors="replace").decode()) | JSON.map(
    lambda value: to_json_bytes(value).decode()
)


async def read_state(folder: Path) -> State | None:
    """State as a new process reads it from the folder; StoreBroken."""
    clock = FakeClock()
    store = await open_store(folder, clock)
    try:
        state = await store.load()
        saved = store.saved_at
        return restore_state(state, saved, clock.now()) if state and saved else state
    finally:
        await store.close()


async def write_outage(folder: Path) -> None:
    world = StoredWorld()
    world.outage()
    store = await open_store(folder, FakeClock())
    for step in world.take():
        await store.append(step)
    await store.close()


@pytest.fixture
def good_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir(mode=0o700)
    asyncio.run(write_outage(folder))
    return folder


def copy_folder(good_folder: Path) -> Path:
    folder = good_folder.parent / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good_folder, folder)
    return folder


def read_or_refuse(folder: Path) -> None:
    with contextlib.suppress(StoreUnavailable):
        asyncio.run(read_state(folder))


def test_store_with_any_value_in_a_row_is_read_or_refused(good_folder: Path) -> None:
    @given(st.sampled_from(TABLES), VALUES)
    def check_example(table: str, value: str) -> None:
        folder = copy_folder(good_folder)
        with sqlite3.connect(folder / DATABASE) as connection:
            connection.execute(f"UPDATE {table} SET value = ?", (value,))
        connection.close()
        read_or_refuse(folder)

    check_example()


def test_store_with_any_bytes_in_the_file_is_read_or_refused(good_folder: Path) -> None:
    size = (good_folder / DATABASE).stat().st_size

    @given(st.integers(0, size - 1), st.binary(min_size=1, max_size=200))
    def check_example(at: int, new: bytes) -> None:
        folder = copy_folder(good_folder)
        file = folder / DATABASE
        raw = file.read_bytes()
        file.write_bytes((raw[:at] + new + raw[at + len(new) :])[:size])
        read_or_refuse(folder)

    check_example()


def test_store_file_of_any_length_is_read_or_refused(good_folder: Path) -> None:
    size = (good_folder / DATABASE).stat().st_size

    @given(st.integers(0, size))
    def check_example(length: int) -> None:
        folder = copy_folder(good_folder)
        file = folder / DATABASE
        file.write_bytes(file.read_bytes()[:length])
        read_or_refuse(folder)

    check_example()
