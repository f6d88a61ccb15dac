"""Texts of the channels of the phone: messages, links, the label of the button."""

from dataclasses import dataclass

from sidecar.core.model.cause import Cause
from sidecar.core.model.message import Message
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import MessageCatalog
from sidecar.notify.message_urgency import asks_for_person
from sidecar.notify.render import Links, Renderer


@dataclass(frozen=True, slots=True)
class ChannelTexts:
    """Texts in the receiver's language; ``links`` None: messages have no links."""

    words: MessageCatalog
    render: Renderer
    links: Links | None
    installation: Installation

    def button(self, message: Message) -> str:
        """The label of the button to acknowledge; empty: the message has none."""
        if not asks_for_person(message):
            return ""
        # There the acknowledgement closes the incident: it must not happen by mistake.
        closes = message.facts.get("cause") == Cause.ADDRESSES_LOST
        return self.words("ack.close_button" if closes else "ack.phone_button")
