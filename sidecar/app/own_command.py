"""Commands of Sidecar's own, each in another process."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from sidecar.tasks.task_tools import OwnOutput

MOST_BYTES = 1_000_000


async def run_own_command(file: Path | None, *arguments: str) -> OwnOutput:
    """Run ``sidecar ARGUMENTS``; ``file`` is the configuration file, None: as found.

    Cancellation ends the process.
    """
    environ = dict(os.environ)
    if file is not None:
        environ["SIDECAR_CONFIG"] = os.fspath(file)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sidecar",
        *arguments,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answer, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    texts = (part[:MOST_BYTES].decode(errors="replace") for part in (answer, errors))
    return OwnOutput(process.returncode or 0, *texts)
