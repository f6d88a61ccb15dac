"""A channel through Apprise, each message in a process of its own."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import ChannelSettings
from sidecar.core.text.printable import on_one_line
from sidecar.notify.alert_key import alert_key, knows_repeats
from sidecar.notify.delivery import (
    DELIVERED,
    DeliveryResult,
    doubtful_failure,
    from_status,
    permanent_failure,
    temporary_failure,
)
from sidecar.notify.message_text import Render
from sidecar.notify.message_urgency import is_good_news, is_quiet

_ANYWHERE_ELSE = "/"
"""The state directory is writable: no code may be loaded from there."""

_COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("apprise_process.py")))
_PASSED_ON = frozenset(
    {
        "PATH",
        "LANG",
        "TZ",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    }
)


class _Answer(msgspec.Struct):
    delivered: bool
    usable: bool
    status: int
    retry_after: str
    error: str
    doubtful: bool


class AppriseChannel:
    """Sends texts to one Apprise URL."""

    def __init__(
        self, settings: ChannelSettings, render: Render, environ: Mapping[str, str]
    ) -> None:
        self.name = settings.name
        self.knows_repeats = knows_repeats(settings.url)
        self._url = settings.url
        self._render = render
        # A plugin needs the variables of proxies and certificates, not our secrets.
        passed = {k: v for k, v in environ.items() if k.upper() in _PASSED_ON}
        self._environ = {**passed, "HOME": _ANYWHERE_ELSE}

    async def send(self, message: Message) -> DeliveryResult:
        """Try once; on cancellation the process is killed."""
        text = self._render(message)
        request = {
            "url": self._url,
            "title": text.title,
            "body": text.body,
            "kind": _kind(message.kind),
            "message_id": message.id,
            "key": alert_key(self._url, message)._asdict(),
        }
        try:
            return _attempt(await self._ask(json.dumps(request).encode()))
        except OSError as error:
            return temporary_failure(
                f"no process for it ({os.strerror(error.errno or 0)})"
            )
        except msgspec.MsgspecError:
            return doubtful_failure("the sending process ended without an answer")

    async def _ask(self, request: bytes) -> _Answer:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._environ,
            cwd=_ANYWHERE_ELSE,
        )
        try:
            output, _ = await process.communicate(request)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return msgspec.json.decode(output, type=_Answer)


def _kind(kind: MessageKind) -> str:
    """Apprise's type of a message, which sets its colour."""
    if is_good_news(kind):
        return "success"
    return "info" if is_quiet(kind) else "failure"


def _attempt(answer: _Answer) -> DeliveryResult:
    if answer.delivered:
        return DELIVERED
    # It may quote the receiver.
    error = on_one_line(answer.error)
    if not answer.usable:
        return permanent_failure(error)
    if answer.doubtful:
        return doubtful_failure(error)
    if not answer.status:
        return temporary_failure(error or "Apprise does not say why")
    return from_status(answer.status, answer.retry_after)
