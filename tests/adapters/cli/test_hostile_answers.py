"""Answers of another shape, outputs that take nothing: one line, and an exit status."""

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
from tests.adapters.cli.test_commands import (
    COMMAND,
    DEADLINE_S,
    ROOT,
    Ran,
    environment,
    read_to_end,
    serve,
    sidecar,
)
from tests.support.api_services import ApiServiceFakes
from tests.support.rule_world import SERVICE, container

ASKING = (
    ("status",),
    ("targets",),
    ("schedule",),
    ("history",),
    ("remedies",),
    ("incidents",),
    ("incident", "X"),
    ("report",),
    ("restart", "x"),
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
async def answering(body: bytes) -> AsyncIterator[str]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s[:13].decode())
async def test_an_answer_of_another_shape_is_one_line(shape: bytes) -> None:
    async with answering(shape) as url:
        for command in ASKING:
            ran = await sidecar(*command, "--url", url)
            assert ran.err.count("\n") <= 1, (command, ran.err)
            if ran.status != 0:
                assert (ran.status, ran.err.count("\n")) == (2, 1), (command, ran)
                assert url in ran.err


async def test_what_is_asked_for_as_json_is_given_as_it_is() -> None:
    async with answering(b'{"targets": "other"}') as url:
        ran = await sidecar("status", "--json", "--url", url)
    assert (ran.status, json.loads(ran.out)) == (0, {"targets": "other"})


async def through_shell(line: str, **environ: str) -> Ran:
    """``line`` with "sidecar" in it, as a person types it."""
    process = await asyncio.create_subprocess_shell(
        line.replace("sidecar", " ".join(COMMAND)),
        cwd=ROOT,
        env=environment(**environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.parametrize("command", ["version", "config schema", "--help", "check bad"])
async def test_a_full_output_is_said_with_status_2(command: str) -> None:
    file = " --config good" if command.startswith("check") else ""
    ran = await through_shell(f"sidecar {command}{file} > /dev/full")
    assert ran.status == 2
    assert ran.err == "the output cannot be written: No space left on device\n"


async def test_a_closed_pipe_is_no_failure() -> None:
    line = "sidecar config schema | true; echo ${PIPESTATUS[0]}"
    ran = await through_shell(f"bash -c '{line}'")
    assert (ran.out, ran.err) == ("0\n", "")


@pytest.mark.parametrize("away", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full"])
async def test_outputs_that_are_not_there_leave_no_traceback(away: str) -> None:
    ran = await through_shell(f"sidecar version {away}")
    assert (ran.status, ran.err) == (0, "")
    ran = await through_shell(f"sidecar status --url nonsense {away}")
    assert ran.status == 2
    assert "Traceback" not in ran.err


async def test_letters_that_the_output_does_not_know_are_shown_by_number() -> None:
    target = b'{"name": "\\ufffd\\ud55c", "state": "x", "container": null}'
    async with answering(b'{"targets": [%s]}' % target) as url:
        ran = await through_shell(
            f"sidecar targets --url {url}", PYTHONIOENCODING="ascii"
        )
    assert (ran.status, ran.err) == (0, "")
    assert "\\ufffd\\ud55c" in ran.out


ODD = "[/x][red]odd[/"


async def test_text_in_brackets_is_shown_as_it_is_on_a_terminal() -> None:
    office = ApiServiceFakes()
    office.desk = replace(office.desk, stack=ODD)
    world = office.world
    world.targets = (*world.targets, replace(SERVICE, name="other", depends_on=()))
    world.containers[InstanceId("other", 1)] = container("other")
    world.relist()
    async for served in serve(office):
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "status",
            "--watch",
            cwd=ROOT,
            env=environment(SIDECAR_URL=served.url, TERM="xterm"),
            stdout=theirs,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(theirs)
        shown = b""
        async with asyncio.timeout(DEADLINE_S):
            while ODD.encode() not in shown:
                shown += await asyncio.to_thread(os.read, ours, 65536)
            process.send_signal(signal.SIGINT)
            drain = asyncio.create_task(asyncio.to_thread(read_to_end, ours))
            assert await process.wait() == 130
            await drain
        os.close(ours)


def test_a_cell_in_brackets_is_shown_as_it_is() -> None:
    shown = io.StringIO()
    Console(file=shown, width=80).print(rich_table(("why",), [(ODD,)]))
    assert ODD in shown.getvalue()
