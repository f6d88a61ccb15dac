"""Runner of commands: processes of the command line against a real server."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from sidecar.web.server import WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.repository import REPOSITORY

COMMAND = (sys.executable, "-m", "tests.support.cli_process")
DEADLINE_S = 60.0


class CommandResult(NamedTuple):
    """Exit status and both outputs of a command."""

    status: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Environment of a command: these variables, and what each process needs."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


async def sidecar(*arguments: str, **environ: str) -> CommandResult:
    """Run a command until it ends."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=REPOSITORY,
        env=environment(**environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    assert "Traceback" not in err.decode()
    return CommandResult(process.returncode or 0, out.decode(), err.decode())


class CommandRunner:
    """Runner of commands against the API of a sidecar."""

    def __init__(self, fakes: ApiServiceFakes, server: WebServer) -> None:
        self.fakes = fakes
        self.server = server
        self.url = f"http://127.0.0.1:{server.port}"

    async def __call__(self, *arguments: str, token: str = TOKEN) -> CommandResult:
        return await sidecar(*arguments, SIDECAR_URL=self.url, SIDECAR_API_TOKEN=token)


async def serve(
    fakes: ApiServiceFakes, state_dir: Path | None = None
) -> AsyncIterator[CommandRunner]:
    """Serve the API of the fakes; yield a runner of commands against it.

    ``state_dir``: the control socket is there, too.
    """
    server = WebServer(fakes.desk, "127.0.0.1", 0)
    if state_dir is not None:
        server.use_control_socket(state_dir)
    await server.start()
    yield CommandRunner(fakes, server)
    await server.stop()


def read_to_end(terminal: int) -> bytes:
    """Read a terminal until nobody writes to it."""
    output = b""
    with contextlib.suppress(OSError):  # a terminal without a writer is an error
        while part := os.read(terminal, 65536):
            output += part
    return output
