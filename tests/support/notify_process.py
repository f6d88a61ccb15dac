"""A dispatcher on a real store, as a process to be killed: URL, state directory.

The first process stores two messages and blocks for ever between sending the first
and recording its delivery; the file ``recording`` marks that moment.
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
from tests.support.notify_receivers import PLACE, message, no_current_incidents

RECORDING = "recording"


class HangingOutbox:
    """An outbox that blocks instead of recording a delivery."""

    def __init__(self, outbox: SqliteOutbox, sign: Path) -> None:
        self._outbox = outbox
        self._sign = sign
        self.give_up = outbox.give_up
        self.put_off = outbox.put_off
        self.list_waiting = outbox.list_waiting
        self.mark_sending = outbox.mark_sending
        self.count_pending = outbox.count_pending
        self.abandon = outbox.abandon

    async def due(self, channel: str, now_wall: float) -> Message | None:
        return await self._outbox.due(channel, now_wall)

    async def mark_delivered(self, message_id: str, now_wall: float) -> None:
        self._sign.touch()
        await asyncio.Event().wait()


async def write(store: SqliteStore) -> None:
    at = SystemClock().now()
    messages = tuple(message(number, created_wall=at.wall) for number in (1, 2))
    await store.append(StepResult(Tick(at), (), (), (), State(started=at), messages))


async def main(url: str, state_dir: Path) -> None:
    store = await open_store(state_dir, SystemClock())
    is_first = await store.load() is None
    if is_first:
        await write(store)
    hangs = HangingOutbox(store.outbox, state_dir / RECORDING)
    outbox = hangs if is_first else store.outbox
    render = Renderer(read_catalog("en"), ZoneInfo("UTC"), PLACE)
    ops = AppriseChannel(ChannelSettings("ops", url), render, os.environ)
    dispatcher = Dispatcher(
        outbox, [ops], SystemClock(), lambda *_: None, no_current_incidents()
    )
    task = asyncio.create_task(dispatcher.run())
    async with asyncio.timeout(50.0):
        for _ in iter(int, 1):
            if not await outbox.count_pending():
                break
            await asyncio.sleep(0.05)
    task.cancel()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
