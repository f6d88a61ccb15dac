"""Notification settings. Durations are seconds; addresses are secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sidecar.core.model.cause import Severity
from sidecar.core.model.message import MessageKind

HOOK_PREFIX = "hook:"
"""A message's ``channel`` for the N-th hook is ``hook:N``, counted from 0."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """A notification channel through Apprise; ``url`` is an Apprise URL."""

    name: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """A chat of a Telegram bot, whose members may acknowledge by a button.

    ``server`` is the address of the Bot API, without a slash at the end.
    """

    name: str
    bot_token: str = field(repr=False)
    chat_id: int
    server: str


@dataclass(frozen=True, slots=True)
class NtfySettings:
    """A topic of an ntfy server; ``token`` None: publish without a login."""

    name: str
    topic: str = field(repr=False)
    token: str | None = field(repr=False)
    server: str


@dataclass(frozen=True, slots=True)
class PagerDutySettings:
    """An integration of PagerDuty (Events API v2)."""

    name: str
    routing_key: str = field(repr=False)
    server: str


AnyChannelSettings = (
    ChannelSettings | TelegramSettings | NtfySettings | PagerDutySettings
)


@dataclass(frozen=True, slots=True)
class Routes:
    """Routes of each severity to channels; ``channels`` are all channels."""

    channels: tuple[str, ...] = ()
    by_severity: Mapping[Severity, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def of(self, severity: Severity) -> tuple[str, ...]:
        """The channels of one severity."""
        return self.by_severity.get(severity, ())


@dataclass(frozen=True, slots=True)
class EscalationSettings:
    """Times of escalation.

    ``after_s``: wait for an acknowledgement, by severity; a severity that is not in it
    waits for ever. ``repeat_s``: time between reminders. ``ack_lasts_s``: after that
    time an acknowledged incident that is still open is treated as forgotten.
    ``urgent_after_s``: a root that is down for that time raises a P1 to P0.
    """

    after_s: Mapping[Severity, float] = field(
        default_factory=lambda: MappingProxyType(
            {Severity.P0: 300.0, Severity.P1: 900.0, Severity.P2: 7200.0}
        )
    )
    repeat_s: float = 3600.0
    ack_lasts_s: float = 14400.0
    urgent_after_s: float = 900.0


@dataclass(frozen=True, slots=True)
class HookPost:
    """POST the incident as JSON.

    ``keys`` sign each request, the newest first; none: requests are not signed.
    """

    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class HookExec:
    """Run a command in the container of this name."""

    container: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HookSettings:
    """A hook for the opening or the resolution of an incident.

    ``on`` is OPENED or RESOLVED. ``severity``: the least urgent severity of the hook; a
    hook for P1 is called for P0 as well. None: every incident.
    """

    on: MessageKind
    severity: Severity | None
    does: HookPost | HookExec


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """An address that gets a request per interval while Sidecar runs."""

    url: str = field(repr=False)
    interval_s: float = 60.0


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """All notification settings.

    ``public_url`` is the public address of this sidecar, without a slash at the end;
    None: messages carry no links. ``timezone`` is the time zone of texts.
    """

    channels: tuple[AnyChannelSettings, ...] = ()
    routes: Routes = Routes()
    escalation: EscalationSettings = EscalationSettings()
    hooks: tuple[HookSettings, ...] = ()
    heartbeat: HeartbeatSettings | None = None
    public_url: str | None = None
    timezone: str = "UTC"

    @property
    def told_of_acks(self) -> tuple[str, ...]:
        """Names of the channels that are told when somebody acknowledges."""
        return tuple(c.name for c in self.channels if isinstance(c, PagerDutySettings))
