"""A channel to a chat of a Telegram bot, with a button that acknowledges."""

import re
from typing import Any

import msgspec

from sidecar.core.model.message import Message
from sidecar.core.model.notification_settings import TelegramSettings
from sidecar.notify.channel_texts import ChannelTexts
from sidecar.notify.delivery import DELIVERED, DeliveryResult
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_text import shorten, size_in_utf16
from sidecar.notify.telegram_api import MOST_TEXT, TelegramApi, TelegramRefusal

_DATA = re.compile(r"ack:([0-9A-Z]{26}):([A-Za-z0-9_-]{24})")


class _Sent(msgspec.Struct):
    message_id: int


class TelegramChannel:
    """Sends to one chat. Without a parse mode no character of the text is markup."""

    knows_repeats = False

    def __init__(
        self,
        settings: TelegramSettings,
        texts: ChannelTexts,
        api: TelegramApi,
        signer: Signer,
    ) -> None:
        self.name = settings.name
        self._chat_id = settings.chat_id
        self._texts = texts
        self._api = api
        self._signer = signer

    async def send(self, message: Message) -> DeliveryResult:
        """Try once."""
        try:
            await self._api.call("sendMessage", self._parameters(message), _Sent)
        except TelegramRefusal as refusal:
            return refusal.result
        return DELIVERED

    def _parameters(self, message: Message) -> dict[str, Any]:
        text = self._texts.render(message)
        parameters: dict[str, Any] = {
            "chat_id": self._chat_id,
            "text": shorten(f"{text.title}\n\n{text.body}", MOST_TEXT, size_in_utf16),
            # A preview would fetch the link to acknowledge.
            "link_preview_options": {"is_disabled": True},
        }
        label = self._texts.button(message)
        if label:
            seal = self._signer.seal(message.incident, self.name)
            data = button_data(message.incident, seal)
            button = {"text": label, "callback_data": data}
            parameters["reply_markup"] = {"inline_keyboard": [[button]]}
        return parameters


def button_data(incident_id: str, seal: str) -> str:
    """Data that Telegram returns with a press: 55 bytes, of 64 at most."""
    return f"ack:{incident_id}:{seal}"


def read_button_data(data: str) -> tuple[str, str] | None:
    """The incident's id and the seal of a button; None: it is no button of ours."""
    match = _DATA.fullmatch(data)
    return (match[1], match[2]) if match is not None else None
