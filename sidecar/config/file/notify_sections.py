"""The sections ``notify`` and ``hooks`` of the file."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from sidecar.config.file.setting_types import (
    Duration,
    Name,
    Section,
    SeverityName,
    Text,
)

ChannelKind = Literal["apprise", "telegram", "ntfy", "pagerduty"]


class Channel(Section):
    """A channel for messages; each kind has keys of its own (``config/channels.py``).

    Each secret is given as it is, or by the name of its file.
    """

    kind: ChannelKind | UnsetType = UNSET
    url: Text | UnsetType = UNSET
    url_file: Text | UnsetType = UNSET
    bot_token: Text | UnsetType = UNSET
    bot_token_file: Text | UnsetType = UNSET
    chat_id: (
        Annotated[
            int, Meta(description="a chat's number such as 123456 or -1001234567890")
        ]
        | UnsetType
    ) = UNSET
    topic: Text | UnsetType = UNSET
    topic_file: Text | UnsetType = UNSET
    token: Text | UnsetType = UNSET
    token_file: Text | UnsetType = UNSET
    routing_key: Text | UnsetType = UNSET
    routing_key_file: Text | UnsetType = UNSET
    server: Text | UnsetType = UNSET


class Heartbeat(Section):
    """An address that Sidecar calls at intervals as long as it runs."""

    url: Text | UnsetType = UNSET
    url_file: Text | UnsetType = UNSET
    interval: Duration | UnsetType = UNSET


class Routes(Section):
    """The channels for each severity."""

    P0: list[Name] | UnsetType = UNSET
    P1: list[Name] | UnsetType = UNSET
    P2: list[Name] | UnsetType = UNSET
    P3: list[Name] | UnsetType = UNSET


class EscalateAfter(Section):
    """The wait for an acknowledgement before escalation, by severity."""

    P0: Duration | UnsetType = UNSET
    P1: Duration | UnsetType = UNSET
    P2: Duration | UnsetType = UNSET
    P3: Duration | UnsetType = UNSET


class Notify(Section):
    """Channels, routes, escalation and reminders of notifications."""

    channels: dict[Name, Channel] | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET
    escalate_after: EscalateAfter | UnsetType = UNSET
    repeat: Duration | UnsetType = UNSET
    heartbeat: Heartbeat | UnsetType = UNSET
    public_url: Text | UnsetType = UNSET
    timezone: Text | UnsetType = UNSET


class HookCommand(Section, kw_only=True):
    """A command in a container."""

    container: Name
    command: Annotated[
        list[str],
        Meta(min_length=1, description="a list: the command and its arguments"),
    ]


class Hook(Section, kw_only=True):
    """An action when an incident opens or is resolved: either ``post`` or ``exec``.

    ``secret_file`` has the secrets that sign the requests of ``post``, one a line.
    """

    on: Literal["opened", "resolved"]
    severity: SeverityName | UnsetType = UNSET
    post: Text | UnsetType = UNSET
    secret_file: Text | UnsetType = UNSET
    exec: HookCommand | UnsetType = UNSET
