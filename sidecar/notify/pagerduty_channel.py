"""A channel to PagerDuty: an alert that Sidecar also acknowledges and resolves."""

from collections.abc import Iterator, Mapping

import msgspec

from sidecar.core.model.cause import Severity
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import PagerDutySettings
from sidecar.core.text.formatting import rfc3339
from sidecar.notify.channel_texts import ChannelTexts
from sidecar.notify.delivery import DELIVERED, DeliveryResult, from_status
from sidecar.notify.message_text import shorten
from sidecar.notify.message_urgency import (
    asks_for_person,
    is_about_open_incident,
    is_quiet,
)
from sidecar.notify.service_client import (
    ServiceAnswer,
    ServiceClient,
    ServiceFailure,
    strange_answer,
)

MOST_SUMMARY = 1_024
_PATH = "/v2/enqueue"
_SEVERITIES: Mapping[Severity, str] = {
    Severity.P0: "critical",
    Severity.P1: "error",
    Severity.P2: "warning",
    Severity.P3: "info",
}
_PAIRS: Mapping[MessageKind, str] = {
    MessageKind.ENGINE_LOST: "engine",
    MessageKind.ENGINE_BACK: "engine",
    MessageKind.OWN_NETWORK_LOST: "network",
    MessageKind.OWN_NETWORK_BACK: "network",
    MessageKind.SETTINGS_REFUSED: "settings",
    MessageKind.SETTINGS_TAKEN: "settings",
}
"""Messages about Sidecar itself; the second of a pair resolves the first."""
_ENDS = frozenset(
    {
        MessageKind.RESOLVED,
        MessageKind.ENGINE_BACK,
        MessageKind.OWN_NETWORK_BACK,
        MessageKind.SETTINGS_TAKEN,
    }
)


class _Link(msgspec.Struct):
    href: str
    text: str


class _Payload(msgspec.Struct):
    summary: str
    source: str
    severity: str
    timestamp: str
    component: str
    group: str
    class_: str = msgspec.field(name="class")
    custom_details: dict[str, str]


class _Event(msgspec.Struct):
    routing_key: str
    event_action: str
    dedup_key: str
    payload: _Payload | msgspec.UnsetType = msgspec.UNSET
    links: tuple[_Link, ...] | msgspec.UnsetType = msgspec.UNSET
    client: str | msgspec.UnsetType = msgspec.UNSET
    client_url: str | msgspec.UnsetType = msgspec.UNSET


class _Accepted(msgspec.Struct):
    status: str
    message: str = ""
    errors: tuple[str, ...] = ()


class PagerDutyChannel:
    """Sends events of one integration; all messages of an incident are one alert."""

    knows_repeats = True
    """A repeated event of a ``dedup_key`` changes nothing but the log of its alert."""

    def __init__(
        self, settings: PagerDutySettings, texts: ChannelTexts, client: ServiceClient
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._texts = texts
        self._client = client

    async def send(self, message: Message) -> DeliveryResult:
        """Try once."""
        url = f"{self._settings.server}{_PATH}"
        try:
            answer = await self._client.post(url, self._event(message), {})
        except ServiceFailure as failure:
            return failure.result
        return self._result(answer)

    def _event(self, message: Message) -> _Event:
        """The event; PagerDuty drops an end of an alert that it does not have."""
        event = _Event(
            self._settings.routing_key, _action(message.kind), self._key(message)
        )
        if event.event_action == "trigger":
            event.payload = self._payload(message)
            event.client = "Sidecar"
            links = self._texts.links
            if links is not None:
                event.client_url = links.look
                event.links = tuple(self._links(message))
        return event

    def _key(self, message: Message) -> str:
        """The incident's id; of a message about Sidecar itself what it is about."""
        if message.kind not in _PAIRS:
            return message.incident
        place = self._texts.installation
        return f"sidecar/{place.host}/{place.stack}/{_PAIRS[message.kind]}"

    def _payload(self, message: Message) -> _Payload:
        text, place = self._texts.render(message), self._texts.installation
        severity = "info" if is_quiet(message.kind) else _SEVERITIES[message.severity]
        return _Payload(
            summary=shorten(text.title, MOST_SUMMARY, len),
            source=place.host or place.stack or "sidecar",
            severity=severity,
            timestamp=rfc3339(message.created_wall),
            component=message.facts.get("target", "") or "sidecar",
            group=place.stack,
            class_=message.facts.get("cause", "") or message.kind.value,
            custom_details={"message": text.body, "message_id": message.id},
        )

    def _links(self, message: Message) -> Iterator[_Link]:
        links, words = self._texts.links, self._texts.words
        if links is None or not is_about_open_incident(message.kind):
            return
        yield _Link(links.postmortem(message.incident), words("link.postmortem"))
        if asks_for_person(message):
            ack = links.ack(message.incident, self.name)
            yield _Link(ack, self._texts.button(message))

    def _result(self, answer: ServiceAnswer) -> DeliveryResult:
        content = _read(answer)
        if from_status(answer.status, "") != DELIVERED:
            words = ", ".join((content.message, *content.errors)) if content else ""
            return self._client.refusal(answer.status, answer.retry_after, words)
        if content is None or content.status != "success":
            return strange_answer(answer, "PagerDuty")
        return DELIVERED


def _action(kind: MessageKind) -> str:
    if kind in _ENDS:
        return "resolve"
    return "acknowledge" if kind is MessageKind.ACKNOWLEDGED else "trigger"


def _read(answer: ServiceAnswer) -> _Accepted | None:
    try:
        return msgspec.json.decode(answer.body, type=_Accepted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
