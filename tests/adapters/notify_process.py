"""A runner as a process that can be killed: URL, outbox file, a file to touch.

The first life stops between send and record, at the touched file, for ever.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from sidecar.core.notify import ChannelSettings
from sidecar.notify.channel import AppriseChannel
from sidecar.notify.render import Renderer
from sidecar.notify.runner import Runner
from sidecar.notify.words import read_catalogue
from tests.adapters.notify_parts import LoopClock, MemoryOutbox, message, until


class FileOutbox(MemoryOutbox):
    """What was delivered is in a file, and outlives the process."""

    def __init__(self, file: Path, hang: Path) -> None:
        super().__init__()
        self._file = file
        self._hang = hang
        done = json.loads(file.read_text()) if file.exists() else []
        self.add(*(m for m in (message(1), message(2)) if m.id not in done))

    async def delivered(  # type: ignore[explicit-override]
        self, message_id: str, now_wall: float
    ) -> None:
        if not self._hang.exists():
            self._hang.touch()
            await asyncio.Event().wait()
        await super().delivered(message_id, now_wall)
        self._file.write_text(json.dumps(self.sent))


async def main(url: str, file: Path, hang: Path) -> None:
    outbox = FileOutbox(file, hang)
    render = Renderer(read_catalogue("en"), ZoneInfo("UTC"))
    ops = AppriseChannel(ChannelSettings("ops", url), render, os.environ)
    runner = Runner(outbox, [ops], LoopClock(), lambda *_: None)
    running = asyncio.create_task(runner.run())
    await until(lambda: not outbox.messages)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
