"""Channels of the phone, with the real rules and an open incident behind them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

from sidecar.app.channels import ChannelContext, ConfiguredChannels
from sidecar.core.model.cause import Cause
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    AnyChannelSettings,
    NtfySettings,
    PagerDutySettings,
    TelegramSettings,
)
from sidecar.notify.channel_texts import ChannelTexts
from sidecar.notify.delivery import DeliveryResult
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.render import Links, Renderer
from sidecar.notify.service_client import ServiceClient
from sidecar.notify.telegram_api import TelegramApi
from sidecar.notify.telegram_poller import TelegramPoller
from sidecar.notify.telegram_press import IncidentAccess, PressHandler
from sidecar.telemetry.secret_mask import Mask
from tests.support.api_services import ApiServiceFakes
from tests.support.channel_credentials import (
    NTFY_TOKEN,
    NTFY_TOPIC,
    ROUTING_KEY,
    TELEGRAM_TOKEN,
)
from tests.support.notify_receivers import PLACE, message
from tests.support.telegram_server import CHAT_ID

# Both are read from files, which a running loop must not do.
CATALOGS = {language: read_catalog(language) for language in LANGUAGES}
ZONE = ZoneInfo("Asia/Seoul")
PUBLIC_URL = "https://watch.example"
SECRETS = (TELEGRAM_TOKEN, NTFY_TOKEN, NTFY_TOPIC, ROUTING_KEY)
MASK = Mask(SECRETS)


class PhoneWorld:
    """An open incident of the wallet daemon, and channels to tell of it."""

    def __init__(
        self,
        language: str = "en",
        public_url: str | None = PUBLIC_URL,
        mask: Mask = MASK,
    ) -> None:
        self.fakes = ApiServiceFakes()
        self.signer = Signer(b"k" * 32)
        self.words = CATALOGS[language]
        self._public_url = public_url
        self._mask = mask
        self.fakes.world.fails("electron-cash", Cause.REFUSED)
        (self._incident,) = self.fakes.state().incidents.values()

    @property
    def incident(self) -> Incident:
        """The incident as it is now."""
        return self.fakes.state().incidents[self._incident.id]

    def message(self, kind: MessageKind = MessageKind.OPENED, **facts: str) -> Message:
        """A message about the incident to the channel ``ops``."""
        own = {"incident": self._incident.id, **facts}
        return message(incident=self._incident.id, kind=kind, facts=own)

    def context(self) -> ChannelContext:
        links = None
        if self._public_url is not None:
            links = Links(self._public_url, self.signer.token)
        return ChannelContext(
            self.words,
            Renderer(self.words, ZONE, PLACE, links),
            links,
            PLACE,
            self.signer,
            self._mask,
            self.fakes.state,
            self.fakes.ask,
            self.fakes,
        )

    @contextlib.asynccontextmanager
    async def channels(
        self, *settings: AnyChannelSettings
    ) -> AsyncIterator[ConfiguredChannels]:
        """The channels of these settings, closed at the end."""
        configured = ConfiguredChannels(settings, self.context())
        try:
            yield configured
        finally:
            await configured.close()

    @contextlib.asynccontextmanager
    async def poller(
        self, server: str, first_wait_s: float
    ) -> AsyncIterator[TelegramPoller]:
        """A running poller for the chat of ``telegram(server)``."""
        context = self.context()
        client = ServiceClient(context.mask)
        api = TelegramApi(server, TELEGRAM_TOKEN, client)
        texts = ChannelTexts(
            context.words, context.render, context.links, context.installation
        )
        presses = PressHandler(
            api,
            {"ops": CHAT_ID},
            context.signer,
            IncidentAccess(context.state, context.ask, context.clock),
            texts,
            context.mask,
        )
        poller = TelegramPoller(api, presses, first_wait_s=first_wait_s)
        try:
            async with run_pollers(poller):
                yield poller
        finally:
            await client.close()

    async def send(
        self, settings: AnyChannelSettings, sent_message: Message | None = None
    ) -> DeliveryResult:
        """Send one message, by default the opening of the incident."""
        async with self.channels(settings) as configured:
            (channel,) = configured.channels
            return await channel.send(sent_message or self.message())


@contextlib.asynccontextmanager
async def run_pollers(*pollers: TelegramPoller) -> AsyncIterator[None]:
    """Run the pollers meanwhile."""
    tasks = [asyncio.create_task(poller.run()) for poller in pollers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def telegram(
    server: str, name: str = "ops", chat_id: int = CHAT_ID
) -> TelegramSettings:
    return TelegramSettings(name, TELEGRAM_TOKEN, chat_id, server)


def ntfy(server: str, token: str | None = NTFY_TOKEN) -> NtfySettings:
    return NtfySettings("ops", NTFY_TOPIC, token, server)


def pagerduty(server: str) -> PagerDutySettings:
    return PagerDutySettings("ops", ROUTING_KEY, server)
