"""A command that runs while a test goes on: its lines as they come, and its end."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.api_services import TOKEN
from tests.support.command_runner import (
    COMMAND,
    DEADLINE_S,
    CommandResult,
    CommandRunner,
    environment,
)
from tests.support.repository import REPOSITORY


class RunningCommand:
    """A running process of the command line, with its outputs in pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        """The next line of its standard output."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            return (await self._process.stdout.readline()).decode()

    async def line_with(self, words: str) -> str:
        """The next line with these words; the lines before it are dropped."""
        while line := await self.line():
            if words in line:
                return line
        raise AssertionError(f"it ended without printing {words!r}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def result(self) -> CommandResult:
        """Its exit status, and the rest of its outputs."""
        async with asyncio.timeout(DEADLINE_S):
            out, err = await self._process.communicate()
        assert "Traceback" not in err.decode()
        return CommandResult(self._process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def start_command(
    runner: CommandRunner, *arguments: str, token: str = TOKEN
) -> AsyncIterator[RunningCommand]:
    """Start a command against the server of ``runner``; end it with the block."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=REPOSITORY,
        env=environment(SIDECAR_URL=runner.url, SIDECAR_API_TOKEN=token),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield RunningCommand(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
