"""The file's ``notify`` and ``hooks`` as settings, and what is wrong with them."""

import re
from collections.abc import Iterator
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sidecar.config.address import certain_parts, url_fault
from sidecar.config.duration import seconds
from sidecar.config.fault import Fault
from sidecar.config.model import (
    Document,
    EscalateAfter,
    Heartbeat,
    Hook,
    Notify,
    Routes,
    said,
)
from sidecar.config.secret import Vault
from sidecar.core.model.cause import Severity
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    EscalationSettings,
    HeartbeatSettings,
    HookExec,
    HookPost,
    HookSettings,
    NotifySettings,
)
from sidecar.core.model.notification_settings import Routes as RouteSettings

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNROUTED = (Severity.P0, Severity.P1, Severity.P2)
"""Without ``routes`` every channel hears of these; notices stay in the log."""


def notify_settings(document: Document, vault: Vault) -> NotifySettings:
    """Who is told what; what is wrong with it goes into ``vault.faults``.

    Reads secrets from files, so it is not for the event loop.
    """
    notify = said(document.notify, Notify())
    channels = tuple(_channels(notify, vault))
    public_url = said(notify.public_url, None)
    return NotifySettings(
        channels=channels,
        routes=_routes(notify),
        escalation=_escalation(notify),
        hooks=tuple(map(_hook, said(document.hooks, []))),
        heartbeat=_heartbeat(said(notify.heartbeat, None), vault),
        public_url=public_url.rstrip("/") if public_url else None,
        timezone=said(notify.timezone, "UTC"),
    )


def notify_faults(document: Document) -> Iterator[Fault]:
    """Names that lead nowhere, addresses and a time zone that cannot be used."""
    notify = said(document.notify, Notify())
    yield from _route_faults(notify)
    public_url = said(notify.public_url, None)
    if public_url is not None:
        fault = url_fault("notify.public_url", public_url)
        if fault:
            yield fault
    yield from _timezone_faults(said(notify.timezone, "UTC"))
    for index, hook in enumerate(said(document.hooks, [])):
        yield from _hook_faults(hook, f"hooks[{index}]")


def _channels(notify: Notify, vault: Vault) -> Iterator[ChannelSettings]:
    for name, channel in said(notify.channels, {}).items():
        path = f"notify.channels.{name}.url"
        url = _needed(vault, vault.take(channel.url, channel.url_file, path), path)
        if url is None:
            continue
        if not _SCHEME.match(url):
            allowed = "an Apprise URL such as tgram://TOKEN/CHAT"
            vault.faults.append(Fault(path, "something without a scheme", allowed))
        yield ChannelSettings(name, url)


def _heartbeat(section: Heartbeat | None, vault: Vault) -> HeartbeatSettings | None:
    if section is None:
        return None
    path = "notify.heartbeat.url"
    url = _needed(vault, vault.take(section.url, section.url_file, path), path)
    if url is None:
        return None
    parts = certain_parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        found = "something that is no http address"
        vault.faults.append(Fault(path, found, "an address such as https://host/ping"))
    return HeartbeatSettings(url, seconds(said(section.interval, "1m")))


def _needed(vault: Vault, secret: str | None, path: str) -> str | None:
    refused = any(f.path in {path, f"{path}_file"} for f in vault.faults)
    if secret is None and not refused:
        vault.faults.append(
            Fault(path, "nothing", "an address, or url_file", "it is needed")
        )
    return secret


def _routes(notify: Notify) -> RouteSettings:
    channels = tuple(said(notify.channels, {}))
    routes = said(notify.routes, None)
    if routes is None:
        by_severity = dict.fromkeys(_UNROUTED, channels)
    else:
        by_severity = {
            severity: tuple(dict.fromkeys(said(getattr(routes, severity), [])))
            for severity in Severity
        }
    return RouteSettings(channels, MappingProxyType(by_severity))


def _escalation(notify: Notify) -> EscalationSettings:
    default = EscalationSettings()
    after = said(notify.escalate_after, EscalateAfter())
    spoken = {
        severity: seconds(text)
        for severity in Severity
        if (text := said(getattr(after, severity), ""))
    }
    return EscalationSettings(
        after_s=MappingProxyType({**default.after_s, **spoken}),
        repeat_s=seconds(said(notify.repeat, "1h")),
    )


def _hook(hook: Hook) -> HookSettings:
    severity = said(hook.severity, None)
    command = said(hook.exec, None)
    return HookSettings(
        on=MessageKind(hook.on),
        severity=Severity(severity) if severity else None,
        does=HookExec(command.container, tuple(command.command))
        if command is not None
        else HookPost(said(hook.post, "")),
    )


def _hook_faults(hook: Hook, path: str) -> Iterator[Fault]:
    post, command = said(hook.post, None), said(hook.exec, None)
    if (post is None) is (command is None):
        found = "neither" if post is None else "post and exec"
        yield Fault(path, found, "one of post and exec", "make two hooks of two")
    if post is not None:
        fault = url_fault(f"{path}.post", post)
        if fault:
            yield fault


def _route_faults(notify: Notify) -> Iterator[Fault]:
    channels = frozenset(said(notify.channels, {}))
    routes = said(notify.routes, Routes())
    allowed = ", ".join(sorted(channels)) or "none: there are none"
    for severity in Severity:
        for name in said(getattr(routes, severity), []):
            if name not in channels:
                yield Fault(f"notify.routes.{severity}", repr(name), allowed)


def _timezone_faults(timezone: str) -> Iterator[Fault]:
    try:
        ZoneInfo(timezone)
    except (OSError, ValueError, LookupError):
        hint = "is it spelt as in the tz database?"
        allowed = "a time zone such as Asia/Seoul"
        yield Fault("notify.timezone", repr(timezone), allowed, hint)
