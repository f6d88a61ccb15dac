"""Builds the channels of the settings, and the pollers that receive their answers.

The modules of a kind are imported when a channel of that kind is configured.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sidecar.core.model.notification_settings import (
    AnyChannelSettings,
    ChannelSettings,
    NtfySettings,
    PagerDutySettings,
    TelegramSettings,
)
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Ask, Clock
from sidecar.notify.delivery import Channel
from sidecar.notify.installation import Installation
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_catalog import MessageCatalog
from sidecar.notify.render import Links, Renderer

if TYPE_CHECKING:
    from sidecar.notify.channel_texts import ChannelTexts
    from sidecar.notify.service_client import ServiceClient
    from sidecar.notify.telegram_api import TelegramApi
    from sidecar.notify.telegram_poller import TelegramPoller


class ChannelContext(NamedTuple):
    """Parts that the channels share: texts, the signer of buttons, the loop."""

    words: MessageCatalog
    render: Renderer
    links: Links | None
    installation: Installation
    signer: Signer
    mask: Callable[[str], str]
    state: Callable[[], State]
    ask: Ask
    clock: Clock


class ConfiguredChannels:
    """The channels of the settings; call ``close`` when nothing is sent any more."""

    def __init__(
        self, settings: Sequence[AnyChannelSettings], context: ChannelContext
    ) -> None:
        self._context = context
        self._client: ServiceClient | None = None
        self._apis: dict[tuple[str, str], TelegramApi] = {}
        self.channels = tuple(map(self._build_channel, settings))
        self._pollers = self._build_pollers(settings)

    @property
    def pollers(self) -> "tuple[TelegramPoller, ...]":
        """One poller for each bot: a second one would end the polls of the first."""
        return tuple(dict.fromkeys(self._pollers.values()))

    def answer_problem(self, name: str) -> str:
        """Why no answers to this channel are received; empty where they are."""
        poller = self._pollers.get(name)
        return poller.problem if poller is not None else ""

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def _build_channel(self, settings: AnyChannelSettings) -> Channel:
        # Each kind takes memory only if it is configured.
        if isinstance(settings, ChannelSettings):
            from sidecar.notify.apprise_channel import AppriseChannel  # noqa: PLC0415

            return AppriseChannel(settings, self._context.render, os.environ)
        texts, client = self._texts(), self._service_client()
        if isinstance(settings, NtfySettings):
            from sidecar.notify.ntfy_channel import NtfyChannel  # noqa: PLC0415

            return NtfyChannel(settings, texts, client)
        if isinstance(settings, PagerDutySettings):
            from sidecar.notify.pagerduty_channel import (  # noqa: PLC0415
                PagerDutyChannel,
            )

            return PagerDutyChannel(settings, texts, client)
        from sidecar.notify.telegram_channel import TelegramChannel  # noqa: PLC0415

        api = self._telegram_api(settings)
        return TelegramChannel(settings, texts, api, self._context.signer)

    def _build_pollers(
        self, settings: Sequence[AnyChannelSettings]
    ) -> "Mapping[str, TelegramPoller]":
        """The poller of each Telegram channel, by the channel's name."""
        by_bot: dict[TelegramApi, dict[str, int]] = {}
        for channel in settings:
            if isinstance(channel, TelegramSettings):
                chats = by_bot.setdefault(self._telegram_api(channel), {})
                chats[channel.name] = channel.chat_id
        return {
            name: poller
            for api, chats in by_bot.items()
            for poller in (self._build_poller(api, chats),)
            for name in chats
        }

    def _build_poller(
        self, api: "TelegramApi", chats: Mapping[str, int]
    ) -> "TelegramPoller":
        from sidecar.notify.telegram_poller import TelegramPoller  # noqa: PLC0415
        from sidecar.notify.telegram_press import (  # noqa: PLC0415
            IncidentAccess,
            PressHandler,
        )

        context = self._context
        incidents = IncidentAccess(context.state, context.ask, context.clock)
        presses = PressHandler(
            api, chats, context.signer, incidents, self._texts(), context.mask
        )
        return TelegramPoller(api, presses)

    def _telegram_api(self, settings: TelegramSettings) -> "TelegramApi":
        from sidecar.notify.telegram_api import TelegramApi  # noqa: PLC0415

        bot = (settings.server, settings.bot_token)
        if bot not in self._apis:
            self._apis[bot] = TelegramApi(*bot, self._service_client())
        return self._apis[bot]

    def _service_client(self) -> "ServiceClient":
        from sidecar.notify.service_client import ServiceClient  # noqa: PLC0415

        if self._client is None:
            self._client = ServiceClient(self._context.mask)
        return self._client

    def _texts(self) -> "ChannelTexts":
        from sidecar.notify.channel_texts import ChannelTexts  # noqa: PLC0415

        context = self._context
        return ChannelTexts(
            context.words, context.render, context.links, context.installation
        )
