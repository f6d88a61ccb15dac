"""The channels of the section ``notify`` as settings, and their faults.

An error never shows a secret, nor a part of one.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidecar.config.check.urls import url_fault
from sidecar.config.file.notify_sections import Channel, Notify
from sidecar.config.file.setting_types import value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.notification_settings import (
    AnyChannelSettings,
    ChannelSettings,
    NtfySettings,
    PagerDutySettings,
    TelegramSettings,
)

DEFAULT_KIND = "apprise"
SERVERS: Mapping[str, str] = MappingProxyType(
    {
        "telegram": "https://api.telegram.org",
        "ntfy": "https://ntfy.sh",
        "pagerduty": "https://events.pagerduty.com",
    }
)
"""The server of each kind, where none is set."""


class _Secret(NamedTuple):
    """A secret of a channel: its form, and what a fault says of it and of others."""

    form: re.Pattern[str]
    allowed: str
    otherwise: str = "something else"
    is_needed: bool = True


_SECRETS: Mapping[str, _Secret] = MappingProxyType(
    {
        "url": _Secret(
            re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.*", re.DOTALL),
            "an Apprise URL such as tgram://TOKEN/CHAT",
            "something without a scheme",
        ),
        "bot_token": _Secret(
            re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{10,100}"),
            "the token that BotFather gave, such as 123456:ABC-DEF",
        ),
        "topic": _Secret(
            re.compile(r"[A-Za-z0-9_-]{1,64}"),
            "a topic: at most 64 letters, digits, '_' and '-'",
        ),
        "token": _Secret(
            re.compile(r"[!-~]{1,200}"),
            "an access token such as tk_...",
            is_needed=False,
        ),
        "routing_key": _Secret(
            re.compile(r"[A-Za-z0-9]{32}"),
            "the integration key of Events API v2: 32 letters and digits",
        ),
    }
)
_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "apprise": ("url",),
        "telegram": ("bot_token", "chat_id", "server"),
        "ntfy": ("topic", "token", "server"),
        "pagerduty": ("routing_key", "server"),
    }
)
"""The keys of each kind; a secret also has the key of its file."""


def channel_settings(
    notify: Notify, reader: SecretReader
) -> Iterator[AnyChannelSettings]:
    """The channels without faults; faults of secrets are added to ``reader.faults``.

    Reads files: do not call it on the event loop.
    """
    for name, channel in value_or(notify.channels, {}).items():
        settings = _settings(name, channel, reader)
        if settings is not None:
            yield settings


def channel_faults(notify: Notify) -> Iterator[ConfigProblem]:
    """Faults of the channels' keys and servers."""
    for name, channel in value_or(notify.channels, {}).items():
        path, kind = f"notify.channels.{name}", _kind(channel)
        yield from _foreign_key_faults(path, channel)
        if kind == "telegram" and not value_or(channel.chat_id, 0):
            allowed = "the number of the chat that gets the messages"
            yield ConfigProblem(f"{path}.chat_id", "nothing", allowed, "it is needed")
        server = value_or(channel.server, None)
        if server is not None and "server" in _KEYS[kind]:
            yield from _server_faults(f"{path}.server", server)


def channel_warnings(notify: Notify) -> Iterator[str]:
    """A line for each channel whose messages cannot have their button."""
    if value_or(notify.public_url, None):
        return
    for name, channel in value_or(notify.channels, {}).items():
        if _kind(channel) == "ntfy":
            yield (
                f"notify.channels.{name}: its messages have no button to acknowledge "
                "without notify.public_url"
            )


def _settings(
    name: str, channel: Channel, reader: SecretReader
) -> AnyChannelSettings | None:
    kind = _kind(channel)
    secrets = {
        key: _read_secret(f"notify.channels.{name}", key, channel, reader)
        for key in _KEYS[kind]
        if key in _SECRETS
    }
    if any(secrets[key] is None for key in secrets if _SECRETS[key].is_needed):
        return None
    values = {key: secret or "" for key, secret in secrets.items()}
    server = value_or(channel.server, SERVERS.get(kind, "")).rstrip("/")
    if kind == "telegram":
        chat_id = value_or(channel.chat_id, 0)
        return TelegramSettings(name, values["bot_token"], chat_id, server)
    if kind == "ntfy":
        return NtfySettings(name, values["topic"], secrets["token"], server)
    if kind == "pagerduty":
        return PagerDutySettings(name, values["routing_key"], server)
    return ChannelSettings(name, values["url"])


def _read_secret(
    path: str, key: str, channel: Channel, reader: SecretReader
) -> str | None:
    """The secret; None where there is none, or a fault."""
    path, rule = f"{path}.{key}", _SECRETS[key]
    plain, file = getattr(channel, key), getattr(channel, f"{key}_file")
    secret = reader.take(plain, file, path)
    is_refused = any(f.path in {path, f"{path}_file"} for f in reader.faults)
    if secret is None and rule.is_needed and not is_refused:
        allowed = f"{rule.allowed}, or {key}_file"
        reader.faults.append(ConfigProblem(path, "nothing", allowed, "it is needed"))
    if secret is not None and not rule.form.fullmatch(secret):
        reader.faults.append(ConfigProblem(path, rule.otherwise, rule.allowed))
    return secret


def _kind(channel: Channel) -> str:
    return value_or(channel.kind, DEFAULT_KIND)


def _foreign_key_faults(path: str, channel: Channel) -> Iterator[ConfigProblem]:
    """Faults of keys that the kind of the channel does not have."""
    kind = _kind(channel)
    own_keys = tuple(_with_files(_KEYS[kind]))
    for key in _with_files(dict.fromkeys(k for keys in _KEYS.values() for k in keys)):
        if key not in own_keys and value_or(getattr(channel, key), None) is not None:
            kinds = [k for k, keys in _KEYS.items() if key in _with_files(keys)]
            actual = f"a key of the kind {' or '.join(kinds)}"
            allowed = f"for the kind {kind}: {', '.join(own_keys)}"
            is_default = value_or(channel.kind, None) is None
            hint = f"set kind: {kinds[0]}" if is_default else ""
            yield ConfigProblem(f"{path}.{key}", actual, allowed, hint)


def _with_files(keys: Mapping[str, object] | tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        yield key
        if key in _SECRETS:
            yield f"{key}_file"


def _server_faults(path: str, server: str) -> Iterator[ConfigProblem]:
    fault = url_fault(path, server)
    if fault:
        yield fault
    elif "?" in server or "#" in server:
        allowed = "an address such as https://host, without '?' and '#'"
        yield ConfigProblem(path, "an address with a query", allowed)
