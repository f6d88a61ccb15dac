"""Texts of the keys of ``notify`` and ``hooks``."""

from collections.abc import Mapping

from sidecar.config.channels import DEFAULT_KIND, SERVERS
from sidecar.config.file.notify_sections import (
    Channel,
    EscalateAfter,
    Heartbeat,
    Hook,
    HookCommand,
    Notify,
    Routes,
)
from sidecar.config.file.setting_types import Section
from sidecar.config.reference.key_text import (
    NONE,
    KeyText,
    SectionTexts,
    describe_secret,
)

_SERVERS = "; ".join(f"{kind}: `{server}`" for kind, server in SERVERS.items())


def _route(severity: str) -> KeyText:
    return KeyText(f"the channels that get messages of {severity}", NONE)


def _wait(severity: str, default: str = "") -> KeyText:
    return KeyText(
        f"the wait for an acknowledgement of {severity} before escalation",
        default,
    )


NOTIFY_TEXTS: Mapping[type[Section], SectionTexts] = {
    Notify: {
        "channels": KeyText("the channels, by a name of your choice", NONE),
        "routes": KeyText(
            "the channels of each severity", "`P0`, `P1`, `P2`: all channels"
        ),
        "escalate_after": KeyText(
            "the wait before escalation, by severity", "as below"
        ),
        "repeat": KeyText("the time between reminders"),
        "heartbeat": KeyText(
            "a dead-man service that Sidecar calls as long as it runs", NONE
        ),
        "public_url": KeyText(
            "the address at which people reach this Sidecar: messages then carry links "
            "to look and to acknowledge",
            "none: no links",
        ),
        "timezone": KeyText(
            "the time zone of the times in messages, as in the tz database", "`UTC`"
        ),
    },
    Channel: {
        "kind": KeyText("the kind of the channel", f"`{DEFAULT_KIND}`"),
        **describe_secret("`apprise`: an Apprise URL; it is a secret", "url"),
        **describe_secret(
            "`telegram`: the token of a bot that no other program uses", "bot_token"
        ),
        "chat_id": KeyText("`telegram`: the number of the chat", NONE),
        **describe_secret("`ntfy`: the topic; it is a secret, too", "topic"),
        **describe_secret(
            "`ntfy`: an access token, if the server asks for one", "token"
        ),
        **describe_secret(
            "`pagerduty`: the integration key of Events API v2", "routing_key"
        ),
        "server": KeyText("the server of the service; not for `apprise`", _SERVERS),
    },
    Routes: {
        "P0": _route("P0"),
        "P1": _route("P1"),
        "P2": _route("P2"),
        "P3": _route("P3"),
    },
    EscalateAfter: {
        "P0": _wait("P0"),
        "P1": _wait("P1"),
        "P2": _wait("P2"),
        "P3": _wait("P3", "none: it waits for ever"),
    },
    Heartbeat: {
        **describe_secret("the address of the dead-man service", "url"),
        "interval": KeyText("the time between two calls"),
    },
    Hook: {
        "on": KeyText("the event that calls the hook"),
        "severity": KeyText(
            "the lowest severity that calls the hook", "none: every incident"
        ),
        "post": KeyText("an address that gets the incident as JSON", NONE),
        "secret_file": KeyText(
            "beside `post`: the file with the secrets that sign the requests, one a "
            "line, the newest first",
            "none: not signed",
        ),
        "exec": KeyText(
            "a command in a container of the stack, instead of `post`", NONE
        ),
    },
    HookCommand: {
        "container": KeyText("the name of the container"),
        "command": KeyText("the command and its arguments"),
    },
}
