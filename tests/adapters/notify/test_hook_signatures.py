"""Signed hooks: the reference library and the documentation's receiver check them."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sidecar.clock import SystemClock
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import HookPost
from sidecar.core.ports.loop import Clock
from sidecar.notify.hooks import PostHook
from sidecar.notify.http_sender import HttpSender
from tests.support.notify_receivers import (
    FACTS,
    ReceivedRequest,
    message,
    receiver,
)
from tests.support.repository import REPOSITORY

NEW_KEY, OLD_KEY = b"n" * 32, b"o" * 24
ULID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def secret_of(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


async def send_hook(
    *keys: bytes, clocks: tuple[Clock, ...] = (SystemClock(),)
) -> list[ReceivedRequest]:
    """The requests of one message, a try for each clock."""
    poster = HttpSender()
    async with receiver() as server:
        settings = HookPost(f"http://127.0.0.1:{server.port}/", keys)
        for clock in clocks:
            await PostHook("hook:0", settings, poster, clock).send(
                message(channel="hook:0", facts={"reason": "멈춤 🛑 \u05d0"})
            )
    await poster.close()
    return server.requests


class LaterClock:
    """A clock that is ahead of the system's by some seconds."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def now(self) -> Moment:
        now = SystemClock().now()
        return Moment(now.mono, now.wall + self._ahead_s)


async def test_reference_library_accepts_a_signed_hook() -> None:
    (request,) = await send_hook(NEW_KEY)
    body = Webhook(secret_of(NEW_KEY)).verify(request.body, request.headers)
    assert body["incident"]["id"] == FACTS["incident"]
    assert request.headers["webhook-id"] == message(channel="hook:0").id
    assert "." not in request.headers["webhook-id"]


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
async def test_reference_library_refuses_a_changed_header(name: str) -> None:
    (request,) = await send_hook(NEW_KEY)
    changed = {**request.headers, name: f"{request.headers[name]}0"[-10:]}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(NEW_KEY)).verify(request.body, changed)


async def test_reference_library_refuses_a_changed_body() -> None:
    (request,) = await send_hook(NEW_KEY)
    changed = request.body.replace(b'"P1"', b'"P3"')
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(NEW_KEY)).verify(changed, request.headers)


async def test_two_secrets_give_a_signature_each_the_newest_first() -> None:
    (request,) = await send_hook(NEW_KEY, OLD_KEY)
    signatures = request.headers["webhook-signature"].split(" ")
    assert len(signatures) == 2
    for key, signature in zip((NEW_KEY, OLD_KEY), signatures, strict=True):
        Webhook(secret_of(key)).verify(request.body, request.headers)
        alone = {**request.headers, "webhook-signature": signature}
        Webhook(secret_of(key)).verify(request.body, alone)


async def test_second_try_has_the_same_id_and_its_own_time() -> None:
    first, second = await send_hook(NEW_KEY, clocks=(SystemClock(), LaterClock(100.0)))
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    times = [int(r.headers["webhook-timestamp"]) for r in (first, second)]
    assert 99 <= times[1] - times[0] <= 160
    for request in (first, second):
        Webhook(secret_of(NEW_KEY)).verify(request.body, request.headers)


async def test_hook_without_a_secret_has_a_trace_and_no_signature() -> None:
    (request,) = await send_hook()
    names = {name.lower() for name in request.headers}
    assert names & {"webhook-id", "webhook-timestamp", "webhook-signature"} == set()
    assert "traceparent" in names


async def test_trace_id_is_the_incident_id() -> None:
    (request,) = await send_hook(NEW_KEY)
    match = re.fullmatch(
        r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", request.headers["traceparent"]
    )
    assert match is not None
    value = int(match[1], 16)
    digits = [ULID_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)]
    assert "".join(digits) == FACTS["incident"]
    assert int(match[2], 16)


async def test_incident_without_a_ulid_has_no_trace() -> None:
    poster = HttpSender()
    async with receiver() as server:
        settings = HookPost(f"http://127.0.0.1:{server.port}/")
        hook = PostHook("hook:0", settings, poster, SystemClock())
        for incident in ("test-1-hook", "U" * 26, "8" + "0" * 25, "0" * 26):
            await hook.send(message(incident=incident, kind=MessageKind.OPENED))
    await poster.close()
    assert len(server.requests) == 4
    assert not any("traceparent" in request.headers for request in server.requests)


def documented_check() -> Callable[[Mapping[str, str], bytes, str], bool]:
    """The receiver of the documentation, as readers paste it."""
    page = (REPOSITORY / "docs" / "notifications.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(code.splitlines()) <= 13
    names: dict[str, Any] = {}
    exec(code, names)
    check: Callable[[Mapping[str, str], bytes, str], bool] = names["is_from_sidecar"]
    return check


async def test_receiver_of_the_documentation_accepts_only_what_sidecar_signed() -> None:
    is_from_sidecar = documented_check()
    new, old = (f"{secret_of(key)}\n" for key in (NEW_KEY, OLD_KEY))
    (request,) = await send_hook(NEW_KEY, OLD_KEY)
    assert is_from_sidecar(request.headers, request.body, new)
    assert is_from_sidecar(request.headers, request.body, old)
    assert not is_from_sidecar(request.headers, request.body, secret_of(b"x" * 32))
    assert not is_from_sidecar(request.headers, request.body + b" ", new)
    (late,) = await send_hook(NEW_KEY, clocks=(LaterClock(-400.0),))
    assert not is_from_sidecar(late.headers, late.body, new)
