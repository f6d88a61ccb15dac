"""Receivers that treat two messages with one key as one, and the key's field."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.message import Message

_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "pagerduty": "dedup",
        "goalert": "dedup",
        "goalerts": "dedup",
        "firehydrant": "dedup",
        "ilert": "dedup",
        "incidentio": "dedup",
        "squadcast": "dedup",
        "pagertree": "thirdparty",
        "splunk": "entity_id",
        "victorops": "entity_id",
        "opsgenie": "alias",
        "jira": "alias",
    }
)
"""The key's name in Apprise's plugin, by the scheme of its URL."""

_BY_ITS_OWN_NUMBER = "alias"
"""Apprise closes these alerts by numbers that end with its process: if all messages
of an incident were one alert, nobody would be notified of those after the first.
"""


class AlertKey(NamedTuple):
    """The plugin's ``field`` for the key; none: ``field`` is empty.

    ``each`` is the message's own key. ``all`` is its incident's key: for a URL that
    maps the resolved message to the end of an alert, all messages are one alert.
    """

    field: str
    each: str
    all: str


def knows_repeats(url: str) -> bool:
    """Does the receiver of this Apprise URL drop a second message with one key?"""
    return _scheme(url) in _FIELDS


def alert_key(url: str, message: Message) -> AlertKey:
    """The key of a message for the receiver of this Apprise URL."""
    field = _FIELDS.get(_scheme(url), "")
    is_numbered = field == _BY_ITS_OWN_NUMBER
    whole = message.id if is_numbered else message.incident
    return AlertKey(field, message.id, whole)


def _scheme(url: str) -> str:
    return url.partition("://")[0].strip().lower()
