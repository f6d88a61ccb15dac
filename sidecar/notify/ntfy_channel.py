"""A channel through an ntfy server, with a button that acknowledges."""

from collections.abc import Mapping

import msgspec

from sidecar.core.model.cause import Severity
from sidecar.core.model.message import Message
from sidecar.core.model.notification_settings import NtfySettings
from sidecar.notify.channel_texts import ChannelTexts
from sidecar.notify.delivery import DELIVERED, DeliveryResult, from_status
from sidecar.notify.message_text import shorten, size_in_utf8
from sidecar.notify.message_urgency import is_good_news, is_quiet
from sidecar.notify.service_client import (
    ServiceAnswer,
    ServiceClient,
    ServiceFailure,
    strange_answer,
)

MOST_MESSAGE_BYTES = 3_800
"""From 4,096 bytes on ntfy makes an attachment of a message; as JSON also less, for
it takes bodies of 8,192 bytes at most.
"""
_MOST_TITLE_BYTES = 250
_PRIORITIES: Mapping[Severity, int] = {
    Severity.P0: 5,
    Severity.P1: 4,
    Severity.P2: 3,
    Severity.P3: 2,
}
_DEFAULT_PRIORITY = 3
_SYMBOL_OF_FAULT: Mapping[Severity, str] = {Severity.P0: "rotating_light"}


class _Action(msgspec.Struct):
    action: str
    label: str
    url: str
    method: str
    clear: bool


class _Publication(msgspec.Struct):
    topic: str
    title: str
    message: str
    priority: int
    tags: list[str]
    actions: tuple[_Action, ...]
    click: str | msgspec.UnsetType = msgspec.UNSET
    markdown: bool = False


class _Published(msgspec.Struct):
    id: str
    event: str


class _Refused(msgspec.Struct):
    error: str = ""


class NtfyChannel:
    """Publishes to one topic. The text is plain: ntfy is not asked to read markup."""

    knows_repeats = False

    def __init__(
        self, settings: NtfySettings, texts: ChannelTexts, client: ServiceClient
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._texts = texts
        self._client = client

    async def send(self, message: Message) -> DeliveryResult:
        """Try once."""
        token = self._settings.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self._settings.server}/"
        try:
            answer = await self._client.post(url, self._publication(message), headers)
        except ServiceFailure as failure:
            return failure.result
        return self._result(answer)

    def _publication(self, message: Message) -> _Publication:
        text, links = self._texts.render(message), self._texts.links
        return _Publication(
            topic=self._settings.topic,
            title=shorten(text.title, _MOST_TITLE_BYTES, size_in_utf8),
            message=shorten(text.body, MOST_MESSAGE_BYTES, _size_in_json),
            priority=_priority(message),
            tags=[_symbol(message), message.severity.value],
            actions=self._actions(message),
            click=links.look if links is not None else msgspec.UNSET,
        )

    def _actions(self, message: Message) -> tuple[_Action, ...]:
        """The button; the app clears the notification only if the request succeeds."""
        label, links = self._texts.button(message), self._texts.links
        if not label or links is None:
            return ()
        url = links.ack(message.incident, self.name)
        return (_Action("http", label, url, method="POST", clear=True),)

    def _result(self, answer: ServiceAnswer) -> DeliveryResult:
        if from_status(answer.status, "") != DELIVERED:
            return self._client.refusal(
                answer.status, answer.retry_after, _description(answer)
            )
        try:
            published = msgspec.json.decode(answer.body, type=_Published)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return strange_answer(answer, "ntfy")
        is_confirmed = bool(published.id) and published.event == "message"
        return DELIVERED if is_confirmed else strange_answer(answer, "ntfy")


def _size_in_json(text: str) -> int:
    """The size in bytes; a quote or a line end takes two in JSON."""
    return len(msgspec.json.encode(text))


def _description(answer: ServiceAnswer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=_Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _priority(message: Message) -> int:
    """The priority: 5 rings until it is seen, 2 makes no sound."""
    is_urgent = not is_good_news(message.kind) and not is_quiet(message.kind)
    if is_urgent or message.severity is Severity.P3:
        return _PRIORITIES[message.severity]
    return _DEFAULT_PRIORITY


def _symbol(message: Message) -> str:
    """The tag that ntfy shows as a symbol before the title."""
    if is_good_news(message.kind):
        return "white_check_mark"
    if is_quiet(message.kind):
        return "information_source"
    return _SYMBOL_OF_FAULT.get(message.severity, "warning")
