"""Everything by which people are told, and answer."""

import asyncio
import os
from collections.abc import Callable

from sidecar.app.contexts import (
    EngineContext,
    MessageContext,
)
from sidecar.clock import SystemClock
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.storage import Outbox
from sidecar.notify.apprise_channel import AppriseChannel
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import Channel
from sidecar.notify.dispatcher import Dispatcher, OnAttempt
from sidecar.notify.heartbeat import Heartbeat
from sidecar.notify.hooks import hook_channel
from sidecar.notify.http_sender import HttpSender
from sidecar.notify.installation import Installation
from sidecar.notify.render import Links, Renderer

DRAIN_S = 10.0


class NotificationService:
    """Everything by which people are told, and answer."""

    def __init__(
        self,
        settings: NotifySettings,
        voice: MessageContext,
        place: EngineContext,
        outbox: Outbox,
        on_attempt: OnAttempt,
        state: Callable[[], State],
    ) -> None:
        self._place = place
        self._outbox = outbox
        self._on_attempt = on_attempt
        self._state = state
        self._changed = asyncio.Event()
        self._equip(settings, voice)

    def _equip(self, settings: NotifySettings, voice: MessageContext) -> None:
        self._settings = settings
        self._poster = HttpSender()
        self._outside = HttpSender(through_proxy=True)
        url = settings.public_url
        links = Links(url, voice.signer.token) if url is not None else None
        stack, own = self._place.stack, self._place.own_name
        installation = Installation(stack, voice.host, own, voice.takes_orders)
        render = Renderer(voice.words, voice.zone, installation, links)
        channels: list[Channel] = [
            AppriseChannel(channel, render, os.environ) for channel in settings.channels
        ]
        engine, find, mask = self._place.engine, self._container_id, voice.mask
        channels += [
            hook_channel(n, hook, self._poster, engine, find, mask)
            for n, hook in enumerate(settings.hooks)
        ]
        clock = SystemClock()
        news = CurrentIncidents(self._state, clock)
        self.runner = Dispatcher(self._outbox, channels, clock, self._on_attempt, news)

    def _container_id(self, name: str) -> str | None:
        held = (instance.container for instance in self._state().instances.values())
        found = (c.id for c in held if c is not None and name in {c.name, c.service})
        return next(found, None)

    def on_step(self, result: StepResult) -> None:
        """Wake the senders: there may be something new in the outbox."""
        if result.transitions or result.decisions:
            self.runner.nudge()

    async def run(self, trouble: Callable[[], str]) -> None:
        """Send, and say outside that we live, until cancelled."""
        while True:
            self._changed.clear()
            posters = (self._poster, self._outside)
            async with asyncio.TaskGroup() as tasks:
                working = [
                    tasks.create_task(self.runner.run()),
                    tasks.create_task(self._beat(trouble)),
                ]
                await self._changed.wait()
                for task in working:
                    task.cancel()
            for poster in posters:
                await poster.close()

    async def test(self, channel: str) -> str:
        """Send a test message; what went wrong, or nothing. UnknownChannel."""
        return await self.runner.test(channel)

    async def take(self, settings: NotifySettings, voice: MessageContext) -> None:
        """Go on with these settings; what is being sent is let end."""
        await self.runner.drain(DRAIN_S)
        self._equip(settings, voice)
        self._changed.set()

    async def _beat(self, trouble: Callable[[], str]) -> None:
        if self._settings.heartbeat is not None:
            await Heartbeat(self._settings.heartbeat, trouble, self._outside).run()

    async def close(self) -> None:
        """Nothing is sent any more."""
        await self._poster.close()
        await self._outside.close()
