"""A runner on a real store as a process that can be killed: URL, state directory.

The first life stores two messages and stops between the send of the first and its
record, for ever; the file ``recording`` says that it is there.
"""

import asyncio
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from sidecar.clock import SystemClock
from sidecar.core.model.event import Tick
from sidecar.core.model.message import Message
from sidecar.core.model.notification_settings import ChannelSettings
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.notify.apprise_channel import AppriseChannel
from sidecar.notify.dispatcher import Dispatcher
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from sidecar.storage.store import SqliteStore, open_store
from sidecar.storage.write.outbox import SqliteOutbox
from tests.support.notify_receivers import PLACE, message, old_news

RECORDING = "recording"


class Hanging:
    """The outbox, but nothing is ever recorded as delivered."""

    def __init__(self, outbox: SqliteOutbox, sign: Path) -> None:
        self._outbox = outbox
        self._sign = sign
        self.given_up = outbox.given_up
        self.put_off = outbox.put_off
        self.waiting = outbox.waiting
        self.begun = outbox.begun
        self.pending = outbox.pending
        self.abandon = outbox.abandon

    async def due(self, channel: str, now_wall: float) -> Message | None:
        return await self._outbox.due(channel, now_wall)

    async def delivered(self, message_id: str, now_wall: float) -> None:
        self._sign.touch()
        await asyncio.Event().wait()


async def write(store: SqliteStore) -> None:
    at = SystemClock().now()
    told = tuple(message(number, created_wall=at.wall) for number in (1, 2))
    await store.append(StepResult(Tick(at), (), (), (), State(started=at), told))


async def main(url: str, state_dir: Path) -> None:
    store = await open_store(state_dir, SystemClock())
    is_first = await store.load() is None
    if is_first:
        await write(store)
    hangs = Hanging(store.outbox, state_dir / RECORDING)
    outbox = hangs if is_first else store.outbox
    render = Renderer(read_catalog("en"), ZoneInfo("UTC"), PLACE)
    ops = AppriseChannel(ChannelSettings("ops", url), render, os.environ)
    runner = Dispatcher(outbox, [ops], SystemClock(), lambda *_: None, old_news())
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(50.0):
        for _ in iter(int, 1):
            if not await outbox.pending():
                break
            await asyncio.sleep(0.05)
    running.cancel()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
