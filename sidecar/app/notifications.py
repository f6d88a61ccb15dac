"""The notification service: sends messages, and signs the links to acknowledge them."""

import asyncio
from collections.abc import Callable

from sidecar.app.channels import ChannelContext, ConfiguredChannels
from sidecar.app.contexts import EngineContext, MessageContext
from sidecar.app.loop_access import LoopAccess
from sidecar.clock import SystemClock
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import Component
from sidecar.core.ports.storage import Outbox
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.dispatcher import Dispatcher, OnAttempt
from sidecar.notify.heartbeat import Heartbeat
from sidecar.notify.hooks import HookTools, hook_channel
from sidecar.notify.http_sender import HttpSender
from sidecar.notify.installation import Installation
from sidecar.notify.render import Links, Renderer

DRAIN_S = 10.0


class NotificationService:
    """Channels, hooks, heartbeat and the dispatcher that sends their messages."""

    def __init__(
        self,
        settings: NotifySettings,
        texts: MessageContext,
        context: EngineContext,
        outbox: Outbox,
        on_attempt: OnAttempt,
        loop: LoopAccess,
    ) -> None:
        self._context = context
        self._outbox = outbox
        self._on_attempt = on_attempt
        self._loop = loop
        self._changed = asyncio.Event()
        self._build_senders(settings, texts)

    def _build_senders(self, settings: NotifySettings, texts: MessageContext) -> None:
        self._settings = settings
        self._local_sender = HttpSender()
        self._outside_sender = HttpSender(through_proxy=True)
        url = settings.public_url
        links = Links(url, texts.signer.token) if url is not None else None
        stack, own = self._context.stack, self._context.own_name
        installation = Installation(
            stack,
            texts.host,
            own,
            texts.takes_orders,
            service=self._context.own_service,
            state_dir=str(texts.state_dir),
        )
        clock = SystemClock()
        self._channels = ConfiguredChannels(
            settings.channels,
            ChannelContext(
                texts.words,
                Renderer(texts.words, texts.zone, installation, links),
                links,
                installation,
                texts.signer,
                texts.mask,
                self._loop.state,
                self._loop.ask,
                clock,
            ),
        )
        tools = HookTools(
            self._local_sender,
            self._context.engine,
            self._container_id,
            texts.mask,
            clock,
        )
        hooks = (hook_channel(n, hook, tools) for n, hook in enumerate(settings.hooks))
        news = CurrentIncidents(self._loop.state, clock)
        self.runner = Dispatcher(
            self._outbox,
            (*self._channels.channels, *hooks),
            clock,
            self._on_attempt,
            news,
        )

    def _container_id(self, name: str) -> str | None:
        containers = (
            instance.container for instance in self._loop.state().instances.values()
        )
        container_ids = (
            c.id for c in containers if c is not None and name in {c.name, c.service}
        )
        return next(container_ids, None)

    def on_step(self, result: StepResult) -> None:
        """Wake the dispatcher: the outbox may have new messages."""
        if result.transitions or result.decisions:
            self.runner.nudge()

    async def run(self, problems: Callable[[], str]) -> None:
        """Send messages and the heartbeat, receive answers, until cancelled."""
        while True:
            self._changed.clear()
            senders = (self._local_sender, self._outside_sender, self._channels)
            async with asyncio.TaskGroup() as tasks:
                workers = [
                    tasks.create_task(self.runner.run()),
                    tasks.create_task(self._run_heartbeat(problems)),
                    *(tasks.create_task(p.run()) for p in self._channels.pollers),
                ]
                await self._changed.wait()
                for task in workers:
                    task.cancel()
            for sender in senders:
                await sender.close()

    def components(self) -> tuple[Component, ...]:
        """Each channel's health: does it deliver messages, and receive answers?"""
        parts = zip(self.runner.channels, self.runner.components(), strict=True)
        return tuple(
            part._replace(ok=False, reason=problem) if part.ok and problem else part
            for name, part in parts
            for problem in (self._channels.answer_problem(name),)
        )

    async def test(self, channel: str) -> str:
        """Send a test message; returns the error text, "" if none.

        Raises UnknownChannel.
        """
        return await self.runner.test(channel)

    async def apply(self, settings: NotifySettings, texts: MessageContext) -> None:
        """Apply new settings, after the messages in flight have ended."""
        await self.runner.drain(DRAIN_S)
        self._build_senders(settings, texts)
        self._changed.set()

    async def _run_heartbeat(self, problems: Callable[[], str]) -> None:
        if self._settings.heartbeat is not None:
            await Heartbeat(
                self._settings.heartbeat, problems, self._outside_sender
            ).run()

    async def close(self) -> None:
        """Close the connections; nothing is sent afterwards."""
        await self._local_sender.close()
        await self._outside_sender.close()
        await self._channels.close()
