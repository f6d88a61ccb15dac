"""Malformed answers and closed outputs: one line of error, and an exit status."""

import asyncio
import io
import json
import os
import pty
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from rich.console import Console

from sidecar.cli.output import rich_table
from sidecar.core.model.target import InstanceId
from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import (
    COMMAND,
    DEADLINE_S,
    CommandResult,
    environment,
    read_to_end,
    serve,
    sidecar,
)
from tests.support.repository import REPOSITORY
from tests.support.rule_world import SERVICE, container

COMMANDS_WITH_SERVER = (
    ("status",),
    ("targets",),
    ("schedule",),
    ("history",),
    ("remedies",),
    ("incidents",),
    ("incident", "X"),
    ("report",),
    ("restart", "x"),
    ("restart", "x", "--wait"),
    ("logs", "x"),
    ("pause", "x"),
    ("resume", "x"),
    ("recover", "x"),
    ("release", "x"),
    ("ack", "x"),
)
SHAPES = (
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{}",
    b'{"targets": 7, "incidents": {}, "planned": null, "entries": "x", "remedies": 1}',
    b'{"targets": [{}], "incidents": [null], "planned": [[]], "remedies": [{}]}',
    b"[" * 100_000,
    b'"\\ud800"',
    b"9" * 10_000,
)


@asynccontextmanager
async def serve_body(body: bytes) -> AsyncIterator[str]:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s[:13].decode())
async def test_an_answer_of_another_shape_is_one_line(shape: bytes) -> None:
    async with serve_body(shape) as url:
        for command in COMMANDS_WITH_SERVER:
            result = await sidecar(*command, "--url", url)
            assert result.err.count("\n") <= 1, (command, result.err)
            if result.status != 0:
                assert (result.status, result.err.count("\n")) == (2, 1), (
                    command,
                    result,
                )
                assert url in result.err


async def test_json_output_is_the_answer_unchanged() -> None:
    async with serve_body(b'{"targets": "other"}') as url:
        result = await sidecar("status", "--json", "--url", url)
    assert (result.status, json.loads(result.out)) == (0, {"targets": "other"})


async def run_in_shell(line: str, **environ: str) -> CommandResult:
    """Run the shell line, in which "sidecar" stands for the command."""
    process = await asyncio.create_subprocess_shell(
        line.replace("sidecar", " ".join(COMMAND)),
        cwd=REPOSITORY,
        env=environment(**environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    return CommandResult(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.parametrize("command", ["version", "config schema", "--help", "check bad"])
async def test_full_output_device_exits_2_with_its_reason(command: str) -> None:
    file = " --config good" if command.startswith("check") else ""
    result = await run_in_shell(f"sidecar {command}{file} > /dev/full")
    assert result.status == 2
    assert result.err == "the output cannot be written: No space left on device\n"


async def test_a_closed_pipe_is_no_failure() -> None:
    line = "sidecar config schema | true; echo ${PIPESTATUS[0]}"
    result = await run_in_shell(f"bash -c '{line}'")
    assert (result.out, result.err) == ("0\n", "")


@pytest.mark.parametrize("away", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full"])
async def test_closed_outputs_leave_no_traceback(away: str) -> None:
    result = await run_in_shell(f"sidecar version {away}")
    assert (result.status, result.err) == (0, "")
    result = await run_in_shell(f"sidecar status --url nonsense {away}")
    assert result.status == 2
    assert "Traceback" not in result.err


async def test_characters_outside_the_output_encoding_are_escaped() -> None:
    target = b'{"name": "\\ufffd\\ud55c", "state": "x", "container": null}'
    async with serve_body(b'{"targets": [%s]}' % target) as url:
        result = await run_in_shell(
            f"sidecar targets --url {url}", PYTHONIOENCODING="ascii"
        )
    assert (result.status, result.err) == (0, "")
    assert "\\ufffd\\ud55c" in result.out


ODD = "[/x][red]odd[/"


async def test_text_in_brackets_is_shown_as_it_is_on_a_terminal() -> None:
    fakes = ApiServiceFakes()
    fakes.desk = replace(fakes.desk, stack=ODD)
    world = fakes.world
    world.targets = (*world.targets, replace(SERVICE, name="other", depends_on=()))
    world.containers[InstanceId("other", 1)] = container("other")
    world.relist()
    async for run_command in serve(fakes):
        controller, terminal = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "status",
            "--watch",
            cwd=REPOSITORY,
            env=environment(SIDECAR_URL=run_command.url, TERM="xterm"),
            stdout=terminal,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(terminal)
        screen = b""
        async with asyncio.timeout(DEADLINE_S):
            while ODD.encode() not in screen:
                screen += await asyncio.to_thread(os.read, controller, 65536)
            process.send_signal(signal.SIGINT)
            drain = asyncio.create_task(asyncio.to_thread(read_to_end, controller))
            assert await process.wait() == 130
            await drain
        os.close(controller)


def test_a_cell_in_brackets_is_shown_as_it_is() -> None:
    output = io.StringIO()
    Console(file=output, width=80).print(rich_table(("why",), [(ODD,)]))
    assert ODD in output.getvalue()
