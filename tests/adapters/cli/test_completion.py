"""Completion in shells: the scripts, and the names from the running sidecar."""

import asyncio
import shlex
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import (
    COMMAND,
    CommandRunner,
    environment,
    serve,
    sidecar,
)
from tests.support.incident_archive import Archive, record_open_incident
from tests.support.quickest import find_quickest_s
from tests.support.repository import REPOSITORY

SHELLS = ("bash", "zsh", "fish")
NOBODY = "http://127.0.0.1:1"
NAMES_S = 60.0
TRIES = 3


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes()):
        yield runner


async def complete(line: str, url: str = NOBODY) -> list[str]:
    """The completions of the last word, as the script of zsh asks for them."""
    result = await sidecar(
        SIDECAR_URL=url,
        _SIDECAR_COMPLETE="zsh_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split(" ")) - 1),
    )
    assert (result.status, result.err) == (0, "")
    return result.out.splitlines()[1::3]


async def complete_name(line: str, url: str) -> list[str]:
    """Asked again: no name comes if a busy machine needs more than the second."""
    async with asyncio.timeout(NAMES_S):
        while not (names := await complete(line, url)):
            pass
    return names


@pytest.mark.parametrize("shell", SHELLS)
async def test_script_of_each_shell_is_printed(shell: str) -> None:
    result = await sidecar("completion", shell)
    assert (result.status, result.err) == (0, "")
    assert f"_SIDECAR_COMPLETE={shell}_complete" in result.out


async def test_unknown_shell_is_refused_with_the_known_ones() -> None:
    result = await sidecar("completion", "tcsh")
    assert (result.status, result.out) == (2, "")
    assert all(shell in result.err for shell in SHELLS)


async def test_commands_and_options_are_completed_without_a_sidecar() -> None:
    assert await complete("sidecar re") == [
        "recover",
        "release",
        "reload",
        "remedies",
        "replay",
        "report",
        "restart",
        "resume",
    ]
    assert "--wait" in await complete("sidecar restart --")
    assert await complete("sidecar drill wallet --fault k") == ["kill"]


@pytest.mark.parametrize(
    "line",
    [
        "sidecar restart el",
        "sidecar pause el",
        "sidecar logs el",
        "sidecar explain el",
        "sidecar drill el",
        "sidecar drill run el",
        "sidecar schedule skip el",
        "sidecar history --target el",
    ],
)
async def test_name_of_a_target_is_completed(
    run_command: CommandRunner, line: str
) -> None:
    assert await complete_name(line, run_command.url) == ["electron-cash"]


async def test_id_of_an_incident_is_completed() -> None:
    archive = Archive()
    incident_id = record_open_incident(archive)
    async for runner in serve(archive):
        names = await complete_name("sidecar incident ", runner.url)
        assert names == ["last", incident_id]
        assert await complete_name("sidecar ack 0", runner.url) == [incident_id]


async def test_without_a_sidecar_no_name_is_completed_and_nothing_is_said() -> None:
    assert await complete("sidecar restart el") == []


async def test_silent_sidecar_delays_the_completion_by_a_second_at_most() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        async def measure_delay() -> float:
            began = time.monotonic()
            assert await complete("sidecar restart el", NOBODY) == []
            at_once_s = time.monotonic() - began
            began = time.monotonic()
            assert await complete("sidecar restart el", url) == []
            return time.monotonic() - began - at_once_s

        assert await find_quickest_s(measure_delay, 2.0, at_most=TRIES) < 2.0


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
async def test_bash_completes_a_target(
    run_command: CommandRunner, tmp_path: Path
) -> None:
    program = tmp_path / "sidecar"
    arguments = " ".join(map(shlex.quote, COMMAND))
    program.write_text(f'#!/bin/sh\ncd {REPOSITORY} && exec {arguments} "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(sidecar completion bash)"\n'
        "complete -p sidecar\n"
        "COMP_WORDS=(sidecar restart el) COMP_CWORD=2\n"
        f"for _ in {{1..{TRIES}}}; do\n"
        "  _sidecar_completion sidecar\n"
        "  [[ ${COMPREPLY[0]} ]] && break\n"
        "done\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    environ = environment(SIDECAR_URL=run_command.url)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        env={**environ, "PATH": f"{tmp_path}:{environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(NAMES_S):
        out, _ = await process.communicate()
    registered, completed = out.decode().splitlines()
    assert "_sidecar_completion" in registered
    assert completed == "electron-cash"
