"""A press of a Telegram button: acknowledge the incident, and say what is true."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from loguru import logger

from sidecar.core.model.event import AckRequested
from sidecar.core.model.incident import Incident
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Ask, Clock, QueueFull
from sidecar.core.text.printable import on_one_line
from sidecar.notify.channel_texts import ChannelTexts
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_text import shorten, size_in_utf16
from sidecar.notify.service_client import Mask
from sidecar.notify.telegram_api import (
    MOST_NOTICE,
    MOST_TEXT,
    TelegramApi,
    TelegramRefusal,
)
from sidecar.notify.telegram_channel import read_button_data

_MOST_NAME = 64
_CALL_S = 8.0


class _Chat(msgspec.Struct):
    id: int


class _PressedMessage(msgspec.Struct):
    message_id: int
    chat: _Chat
    text: str = ""


class _Person(msgspec.Struct):
    id: int
    first_name: str = ""
    last_name: str = ""
    username: str = ""


class ButtonPress(msgspec.Struct):
    """A callback query of the Bot API: who pressed which button of which message."""

    id: str
    person: _Person = msgspec.field(name="from")
    message: _PressedMessage | None = None
    data: str = ""


class IncidentAccess:
    """Finds incidents, and acknowledges one of them."""

    def __init__(self, state: Callable[[], State], ask: Ask, clock: Clock) -> None:
        self._state = state
        self._ask = ask
        self._clock = clock

    def find(self, incident_id: str) -> Incident | None:
        """The incident as it is now; None: it is not known any more."""
        return self._state().incidents.get(incident_id)

    async def acknowledge(self, incident_id: str, by: str) -> None:
        """Acknowledge the incident, as ``sidecar ack`` does. Raises QueueFull."""
        await self._ask(AckRequested(self._clock.now(), incident_id, by))


class PressHandler:
    """Handles the presses of one bot. ``chats``: the chat of each of its channels.

    Only members of these chats may answer. What people call themselves is foreign text.
    """

    def __init__(
        self,
        api: TelegramApi,
        chats: Mapping[str, int],
        signer: Signer,
        incidents: IncidentAccess,
        texts: ChannelTexts,
        mask: Mask,
    ) -> None:
        self._api = api
        self._chats = chats
        self._signer = signer
        self._incidents = incidents
        self._texts = texts
        self._mask = mask

    async def handle(self, press: ButtonPress) -> None:
        """Acknowledge if the press is genuine and needed, and answer it.

        A press in another chat gets no answer.
        """
        message = press.message
        if message is None or message.chat.id not in self._chats.values():
            logger.info("a press of a Telegram button in another chat is ignored")
            return
        incident_id = self._incident_id(press.data, message.chat.id)
        incident = self._incidents.find(incident_id)
        if incident is None:
            await self._answer(press, self._texts.words("ack.invalid_button"))
            return
        key = await self._acknowledge(incident, f"telegram {self._name(press.person)}")
        await self._answer(press, self._texts.words(key, target=incident.target))
        if key != "ack.failed":
            await self._edit(message, self._outcome(key, incident))

    def _incident_id(self, data: str, chat_id: int) -> str:
        """The incident of a button that was sent to this chat; empty: there is none."""
        parts = read_button_data(data)
        if parts is None:
            return ""
        incident_id, seal = parts
        names = (name for name, chat in self._chats.items() if chat == chat_id)
        is_ours = any(self._signer.is_seal(incident_id, name, seal) for name in names)
        return incident_id if is_ours else ""

    async def _acknowledge(self, incident: Incident, by: str) -> str:
        """Acknowledge where that is needed; return the key of the answer."""
        if not incident.open:
            return "ack.resolved"
        if incident.acked_at is not None:
            return "ack.taken"
        try:
            await self._incidents.acknowledge(incident.id, by)
        except QueueFull:
            return "ack.failed"
        after = self._incidents.find(incident.id)
        if after is None or after.acked_by != by:
            return "ack.taken" if after is not None and after.acked_by else "ack.failed"
        return "ack.done" if after.open else "ack.closed"

    def _outcome(self, key: str, before: Incident) -> str:
        """The line below a message whose button was pressed."""
        incident = self._incidents.find(before.id) or before
        if key == "ack.resolved" or incident.acked_at is None:
            return self._texts.words("ack.resolved", target=incident.target)
        return self._texts.render.describe_ack(
            incident.acked_by, incident.acked_at.wall, incident.since_wall
        )

    def _name(self, person: _Person) -> str:
        full_name = f"{person.first_name[:999]} {person.last_name[:999]}"
        name = on_one_line(self._mask(full_name))
        return (
            name[:_MOST_NAME]
            or on_one_line(self._mask(person.username[:999]))[:_MOST_NAME]
            or str(person.id)
        )

    async def _answer(self, press: ButtonPress, words: str) -> None:
        """Show the words to the person; Telegram takes them for a short time only."""
        parameters = {"callback_query_id": press.id, "text": words[:MOST_NOTICE]}
        await self._call("answerCallbackQuery", parameters)

    async def _edit(self, message: _PressedMessage, line: str) -> None:
        """Write the line below the message, and remove its button."""
        if not message.text:
            return
        room = MOST_TEXT - size_in_utf16(line) - 2
        text = shorten(message.text, room, size_in_utf16)
        parameters = {
            "chat_id": message.chat.id,
            "message_id": message.message_id,
            "text": f"{text}\n\n{line}",
            "link_preview_options": {"is_disabled": True},
        }
        await self._call("editMessageText", parameters)

    async def _call(self, method: str, parameters: Mapping[str, Any]) -> None:
        """Call it; an error is only logged, for the acknowledgement is valid."""
        try:
            await self._api.call(method, parameters, msgspec.Raw, timeout_s=_CALL_S)
        except TelegramRefusal as refusal:
            logger.info("Telegram: {} failed: {}", method, refusal.result.error)
