"""The commands ``init`` and ``doctor`` as people and scripts use them."""

import asyncio
import json
import os
import pty
from pathlib import Path

import pytest

from tests.support.command_runner import COMMAND, DEADLINE_S, environment, sidecar
from tests.support.repository import REPOSITORY


async def answer_on_terminal(answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal and answer its question; status and output."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=REPOSITORY,
        env=environment(TERM="xterm", COLUMNS="100"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    output = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                return
            if not part:
                return
            output.extend(part)
            if b"[y/N]" in part:
                os.write(master, f"{answer}\n".encode())

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.to_thread(read)
        status = await process.wait()
    os.close(master)
    return status, output.decode()


# --- init


async def test_init_in_a_pipe_only_prints(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    result = await sidecar("init", "--stack", "shop", "--output", str(folder))
    assert result.status == 0
    assert "+mode: observe" in result.out
    assert "- read from shop" in result.out
    assert "nothing was written; --yes writes these files" in result.err
    assert "\x1b" not in result.out
    assert not folder.exists()


async def test_init_with_yes_shows_the_change_and_writes(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    result = await sidecar("init", "--output", str(folder), "--yes")
    assert result.status == 0
    assert "+mode: observe" in result.out
    assert f"written: {folder}/sidecar.yaml" in result.out
    assert (folder / "sidecar.yaml").read_text() == "mode: observe\n"


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1), ("", 1)])
async def test_init_on_a_terminal_asks_first(
    tmp_path: Path, answer: str, status: int
) -> None:
    folder = tmp_path / "out"
    ended, output = await answer_on_terminal(answer, "init", "--output", str(folder))
    assert ended == status
    assert "\x1b[32m+mode: observe" in output
    assert output.index("+mode: observe") < output.index("[y/N]")
    assert folder.exists() is (status == 0)


async def test_init_prints_json(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    result = await sidecar("init", "--output", str(folder), "--json")
    document = json.loads(result.out)
    assert result.status == 0
    assert document["written"] is False
    assert document["files"][0]["text"] == "mode: observe\n"
    result = await sidecar("init", "--output", str(folder), "--json", "--yes")
    assert json.loads(result.out)["written"] is True
    assert folder.exists()


async def test_init_without_a_change_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = ("init", "--stack", "same", "--output", str(folder), "--yes")
    result = await sidecar(*command)
    assert (result.status, result.err) == (0, "")
    assert "is already like this" in result.out
    assert not folder.exists()


async def test_init_of_an_unknown_stack_exits_2() -> None:
    result = await sidecar("init", "--stack", "gone")
    assert (result.status, result.out) == (2, "")
    assert "no container of the stack" in result.err


async def test_init_of_a_stack_and_a_file_is_wrong_usage() -> None:
    result = await sidecar("init", "--stack", "shop", "--compose", "compose.yaml")
    assert (result.status, result.out) == (2, "")
    assert "exclude each other" in result.err


# --- doctor


@pytest.mark.parametrize(("stack", "status"), [("none", 0), ("demo", 1), ("gone", 2)])
async def test_doctor_exit_status_tells_the_outcome(stack: str, status: int) -> None:
    assert (await sidecar("doctor", "--stack", stack)).status == status


async def test_doctor_in_a_pipe_prints_plain_tables() -> None:
    result = await sidecar("doctor", "--stack", "demo")
    lines = result.out.splitlines()
    assert lines[1].split()[:3] == ["SEVERITY", "HAZARD", "SERVICE"]
    assert lines[2].startswith("P0        wallet_not_on_volume  electron-cash  ")
    assert "volumes: [wallet-data:/wallet-folder]" in lines[2]
    assert "not judged, which is no hazard:" in lines
    assert "\x1b" not in result.out


async def test_doctor_without_a_hazard_says_so() -> None:
    result = await sidecar("doctor", "--stack", "none")
    assert result.out == "stack none: no hazards found, 15 kinds checked\n"


async def test_doctor_prints_json_in_the_language_that_was_asked_for() -> None:
    result = await sidecar("doctor", "--stack", "demo", "--json", "--language", "ko")
    document = json.loads(result.out)
    assert result.status == 1
    first = document["hazards"][0]
    assert (first["code"], first["severity"]) == ("wallet_not_on_volume", "P0")
    assert first["service"] == "electron-cash"
    assert "지갑" in first["reason"]
    assert first["line"] == "volumes: [wallet-data:/wallet-folder]"
    assert {"code", "service", "reason"} == document["unjudged"][0].keys()


async def test_doctor_on_a_terminal_prints_a_table() -> None:
    status, output = await answer_on_terminal("", "doctor", "--stack", "demo")
    assert status == 1
    assert "wallet_not_on_volume" in output
    assert "\x1b[" in output
