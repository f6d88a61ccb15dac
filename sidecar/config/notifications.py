"""The sections ``notify`` and ``hooks`` as settings, and their faults."""

from collections.abc import Iterator
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sidecar.config.channels import channel_faults, channel_settings
from sidecar.config.check.urls import certain_parts, url_fault
from sidecar.config.duration import parse_seconds
from sidecar.config.file.model import Document
from sidecar.config.file.notify_sections import (
    EscalateAfter,
    Heartbeat,
    Notify,
    Routes,
)
from sidecar.config.file.setting_types import value_or
from sidecar.config.hooks import hook_faults, hook_settings
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.cause import Severity
from sidecar.core.model.notification_settings import (
    EscalationSettings,
    HeartbeatSettings,
    NotifySettings,
)
from sidecar.core.model.notification_settings import Routes as RouteSettings

_UNROUTED = (Severity.P0, Severity.P1, Severity.P2)
"""Severities sent to every channel if there are no ``routes``; P3 is only logged."""


def notify_settings(document: Document, reader: SecretReader) -> NotifySettings:
    """The notification settings; faults are added to ``reader.faults``.

    Reads secrets from files: do not call it on the event loop.
    """
    notify = value_or(document.notify, Notify())
    channels = tuple(channel_settings(notify, reader))
    public_url = value_or(notify.public_url, None)
    return NotifySettings(
        channels=channels,
        routes=_routes(notify),
        escalation=_escalation(notify),
        hooks=hook_settings(document, reader),
        heartbeat=_heartbeat(value_or(notify.heartbeat, None), reader),
        public_url=public_url.rstrip("/") if public_url else None,
        timezone=value_or(notify.timezone, "UTC"),
    )


def notify_faults(document: Document) -> Iterator[ConfigProblem]:
    """Faults of channels, routes, addresses, the time zone and hooks."""
    notify = value_or(document.notify, Notify())
    yield from channel_faults(notify)
    yield from _route_faults(notify)
    public_url = value_or(notify.public_url, None)
    if public_url is not None:
        fault = url_fault("notify.public_url", public_url)
        if fault:
            yield fault
    yield from _timezone_faults(value_or(notify.timezone, "UTC"))
    yield from hook_faults(document)


def _heartbeat(
    section: Heartbeat | None, reader: SecretReader
) -> HeartbeatSettings | None:
    if section is None:
        return None
    path = "notify.heartbeat.url"
    url = _read_needed_secret(
        reader, reader.take(section.url, section.url_file, path), path
    )
    if url is None:
        return None
    parts = certain_parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        actual = "something that is no http address"
        reader.faults.append(
            ConfigProblem(path, actual, "an address such as https://host/ping")
        )
    return HeartbeatSettings(url, parse_seconds(value_or(section.interval, "1m")))


def _read_needed_secret(
    reader: SecretReader, secret: str | None, path: str
) -> str | None:
    refused = any(f.path in {path, f"{path}_file"} for f in reader.faults)
    if secret is None and not refused:
        reader.faults.append(
            ConfigProblem(path, "nothing", "an address, or url_file", "it is needed")
        )
    return secret


def _routes(notify: Notify) -> RouteSettings:
    channels = tuple(value_or(notify.channels, {}))
    routes = value_or(notify.routes, None)
    if routes is None:
        by_severity = dict.fromkeys(_UNROUTED, channels)
    else:
        by_severity = {
            severity: tuple(dict.fromkeys(value_or(getattr(routes, severity), [])))
            for severity in Severity
        }
    return RouteSettings(channels, MappingProxyType(by_severity))


def _escalation(notify: Notify) -> EscalationSettings:
    default = EscalationSettings()
    after = value_or(notify.escalate_after, EscalateAfter())
    overrides = {
        severity: parse_seconds(text)
        for severity in Severity
        if (text := value_or(getattr(after, severity), ""))
    }
    return EscalationSettings(
        after_s=MappingProxyType({**default.after_s, **overrides}),
        repeat_s=parse_seconds(value_or(notify.repeat, "1h")),
    )


def _route_faults(notify: Notify) -> Iterator[ConfigProblem]:
    channels = frozenset(value_or(notify.channels, {}))
    routes = value_or(notify.routes, Routes())
    allowed = ", ".join(sorted(channels)) or "none: there are none"
    for severity in Severity:
        for name in value_or(getattr(routes, severity), []):
            if name not in channels:
                yield ConfigProblem(f"notify.routes.{severity}", repr(name), allowed)


def _timezone_faults(timezone: str) -> Iterator[ConfigProblem]:
    try:
        ZoneInfo(timezone)
    except (OSError, ValueError, LookupError):
        hint = "is it spelt as in the tz database?"
        allowed = "a time zone such as Asia/Seoul"
        yield ConfigProblem("notify.timezone", repr(timezone), allowed, hint)
