"""A store killed at any moment keeps everything that it reported as stored."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY
from tests.support.store_writer_process import INSTANCE_ID
from tests.support.stored_world import open_test_store, query_database

ROUNDS = int(os.environ.get("SIDECAR_TEST_KILLS", "60"))
ROOT = REPOSITORY


async def run_and_kill(state_dir: Path, seconds: float, word_count: int) -> list[str]:
    """Run the child and kill it ``seconds`` after it has said so many words; return
    all words of its output.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.store_writer_process",
        state_dir,
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    first = b""
    async with asyncio.timeout(60):
        for _ in range(word_count):
            line = await process.stdout.readline()
            assert line
            first += line
        # The moment of its death: nothing is waited for.
        await asyncio.sleep(seconds)
        process.kill()
        rest = await process.stdout.read()
        await process.wait()
    whole, _, _ = (first + rest).decode().rpartition("\n")
    return whole.split()


def check_on_disk(state_dir: Path, known_count: int, delivered: set[int]) -> int:
    """Every number is there once, in every table: the ``known_count`` ones, and at most
    one more, killed before it was reported. Return their count.
    """
    (count,) = query_database(state_dir, "SELECT count(*) FROM journal")[0]
    assert isinstance(count, int)
    assert known_count <= count <= known_count + 1
    numbers = [str(n) for n in range(count)]
    reasons = "SELECT json_extract(data, '$.reason') FROM journal ORDER BY id"
    assert [reason for (reason,) in query_database(state_dir, reasons)] == numbers
    ids = query_database(state_dir, "SELECT id FROM outbox ORDER BY sequence")
    assert [message_id for (message_id,) in ids] == [f"m{n}" for n in numbers]
    arrived = query_database(state_dir, "SELECT sequence FROM outbox WHERE arrived = 1")
    assert delivered <= {number for (number,) in arrived}
    assert all(isinstance(n, int) and n % 3 == 0 for (n,) in arrived)
    (incidents,) = query_database(state_dir, "SELECT count(*) FROM incidents")[0]
    assert incidents == count
    assert query_database(state_dir, "PRAGMA integrity_check") == [("ok",)]
    assert not list(state_dir.glob("*corrupt*"))
    return count


async def check_reopened(state_dir: Path, count: int) -> None:
    async with open_test_store(state_dir) as store:
        assert str(store.component().reason) == ""
        state = await store.load()
        assert state is not None
        assert state.instances[INSTANCE_ID].restarts_total == count - 1
        pending = (await store.outbox.count_pending()).get("ops", 0)
    undelivered = query_database(
        state_dir, "SELECT id FROM outbox WHERE ended_wall IS NULL"
    )
    assert pending == len(undelivered)


@pytest.mark.timeout(60 + 5 * ROUNDS)
async def test_no_kill_loses_or_doubles_anything(tmp_path: Path) -> None:
    chance = random.Random(os.environ.get("SIDECAR_TEST_SEED", "kill"))
    delivered: set[int] = set()
    count = 0
    for number in range(ROUNDS):
        # Four words are three appends or more, and a delivery.
        word_count = (1, 0, 4, 4)[number % 4]
        seconds = chance.uniform(0.0, 0.15) if word_count else chance.uniform(0.15, 0.5)
        words = await run_and_kill(tmp_path, seconds, word_count)
        appended = [int(word) for word in words if not word.startswith("d")]
        assert appended == list(range(count, count + len(appended)))
        delivered |= {int(word[1:]) for word in words if word.startswith("d")}
        count = check_on_disk(tmp_path, count + len(appended), delivered)
        await check_reopened(tmp_path, count)
    assert count > ROUNDS
    assert delivered
