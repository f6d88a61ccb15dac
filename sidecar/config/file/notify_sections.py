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


class Channel(Section):
    """A channel for messages: an Apprise URL, plain or in a file."""

    url: Text | UnsetType = UNSET
    url_file: Text | UnsetType = UNSET


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
