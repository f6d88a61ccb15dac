"""Messages that may have arrived, and keys of repeats: real processes."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from sidecar.clock import SystemClock
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import ChannelSettings, HookPost
from sidecar.notify.apprise_channel import AppriseChannel
from sidecar.notify.delivery import DOUBT_WAIT_S, DeliveryResult, DeliveryStatus
from sidecar.notify.dispatcher import Dispatcher
from sidecar.notify.hooks import PostHook
from sidecar.notify.http_sender import HttpSender
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from tests.support.notify_receivers import (
    PLACE,
    LoopClock,
    MemoryOutbox,
    mailbox,
    message,
    no_current_incidents,
    receiver,
    tls_receiver,
    until,
)

ENGLISH = Renderer(read_catalog("en"), ZoneInfo("UTC"), PLACE)
# Each send starts a process; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(120)
OPENED, RESOLVED = message(), message(2, kind=MessageKind.RESOLVED)


def channel(url: str, environ: Mapping[str, str] | None = None) -> AppriseChannel:
    settings = ChannelSettings("ops", url)
    return AppriseChannel(settings, ENGLISH, {**os.environ, **(environ or {})})


async def send_message(
    url: str, environ: Mapping[str, str] | None = None, outgoing: Message = OPENED
) -> DeliveryResult:
    async with asyncio.timeout(50.0):
        return await channel(url, environ).send(outgoing)


async def send_until(deadline_s: float, url: str) -> float:
    """Send a message to a receiver that hangs; return when it may be sent again, in
    seconds from the beginning.
    """
    outbox = MemoryOutbox()
    outbox.add(OPENED)
    begun_wall = LoopClock().now().wall
    runner = Dispatcher(
        outbox,
        [channel(url)],
        LoopClock(),
        lambda *_: None,
        no_current_incidents(),
        deadline_s=deadline_s,
    )
    running = asyncio.create_task(runner.run())
    await until(lambda: bool(outbox.errors), within_s=80.0)
    running.cancel()
    (again_wall,) = outbox.put_off_walls
    return again_wall - begun_wall


async def test_hanging_receiver_gets_a_message_once_while_it_may_process_it() -> None:
    async def hangs(_: int) -> web.Response:
        await asyncio.sleep(110)
        return web.Response()

    async with receiver(hangs) as deaf:
        url, deadline_s = f"json://127.0.0.1:{deaf.port}/", 8.0
        again_s = await send_until(deadline_s, url)
        if not deaf.requests:  # on a slow machine it may not have come so far
            deadline_s = 40.0
            again_s = await send_until(deadline_s, url)
        assert [
            request.headers["X-Sidecar-Message-Id"] for request in deaf.requests
        ] == [OPENED.id]
    assert again_s >= deadline_s + DOUBT_WAIT_S


async def serve_raw(answer: bytes) -> tuple[asyncio.Server, int]:
    """Start a server that reads a request, sends this answer and disconnects."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"]
)
async def test_an_answer_that_breaks_off_leaves_doubt(answer: bytes) -> None:
    server, port = await serve_raw(answer)
    async with server:
        attempt = await send_message(f"json://127.0.0.1:{port}/")
        poster = HttpSender()
        hook = PostHook(
            "hook:0", HookPost(f"http://127.0.0.1:{port}/"), poster, SystemClock()
        )
        of_hook = await hook.send(OPENED)
        await poster.close()
    assert (attempt.delivery, attempt.is_doubtful) == (DeliveryStatus.FAILED, True)
    if b"\r\n\r\n" not in answer:
        assert (of_hook.delivery, of_hook.is_doubtful) == (DeliveryStatus.FAILED, True)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nobody.invalid"])
async def test_unreachable_receiver_leaves_no_doubt(host: str) -> None:
    attempt = await send_message(f"json://{host}/")
    poster = HttpSender()
    settings = HookPost(f"http://{host}/")
    of_hook = await PostHook("hook:0", settings, poster, SystemClock()).send(OPENED)
    await poster.close()
    for one in (attempt, of_hook):
        assert (one.delivery, one.is_doubtful) == (DeliveryStatus.FAILED, False)


async def test_a_mail_that_was_handed_over_without_a_receipt_leaves_doubt() -> None:
    url = "mailto://127.0.0.1:{}?from=watch@example.com&to=ops@example.com"
    async with mailbox(breaks_off=True) as box:
        attempt = await send_message(url.format(box.port))
        again = await send_message(url.format(box.port))
    assert (attempt.delivery, attempt.is_doubtful) == (DeliveryStatus.FAILED, True)
    assert again.is_doubtful
    ids = [_header(mail, "Message-ID") for mail in box.mails]
    assert ids == [f"<{OPENED.id}@127.0.0.1>"] * 2
    async with mailbox("451 try later") as box:
        refused = await send_message(url.format(box.port))
    assert (refused.delivery, refused.is_doubtful) == (DeliveryStatus.FAILED, False)


def _header(mail: str, name: str) -> str:
    lines = mail.replace("\r\n ", " ").split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.startswith(name))


OWN = "our-own-key"
SYSTEMS = [
    ("pagerduty://ikey@akey/", "events.pagerduty.com", "dedup_key", OPENED.id),
    (
        "pagerduty://ikey@akey/?action=map",
        "events.pagerduty.com",
        "dedup_key",
        OPENED.incident,
    ),
    (f"pagerduty://ikey@akey/?dedup={OWN}", "events.pagerduty.com", "dedup_key", OWN),
    (
        "opsgenie://8a2b5c3d-1f4e-4a6b-9c8d-7e6f5a4b3c2d/",
        "api.opsgenie.com",
        "alias",
        OPENED.id,
    ),
    ("splunk://route@apikey/", "alert.victorops.com", "entity_id", OPENED.incident),
    (f"splunk://route@apikey/{OWN}", "alert.victorops.com", "entity_id", OWN),
]


@pytest.mark.parametrize(("url", "host", "field", "key"), SYSTEMS)
async def test_a_system_that_knows_repeats_gets_a_key(
    url: str, host: str, field: str, key: str, tmp_path: Path
) -> None:
    async def accepts(_: int) -> web.Response:
        return web.json_response({"requestId": "r1"}, status=202)

    async with tls_receiver(tmp_path, host, respond=accepts) as (system, environ):
        await send_message(url, environ)
    assert [request.json[field] for request in system.requests] == [key]
    assert channel(url).knows_repeats


async def test_key_is_the_incident_where_resolved_ends_the_alert() -> None:
    async with receiver() as system:
        url = f"goalert://127.0.0.1:{system.port}/9d5f2c1a-7b3e-4f6a-8c2d-1e0f9a8b7c6d"
        for outgoing in (OPENED, RESOLVED):
            attempt = await send_message(url, outgoing=outgoing)
            assert attempt.delivery is DeliveryStatus.DELIVERED, attempt
    bodies: list[dict[str, Any]] = [one.json for one in system.requests]
    assert [one["dedup"] for one in bodies] == [OPENED.incident] * 2
    assert [one.get("action") for one in bodies] == [None, "close"]


@pytest.mark.parametrize("url", ["json://h/", "mailto://h/", "tgram://t/c", "nonsense"])
def test_other_systems_do_not_know_repeats(url: str) -> None:
    assert not channel(url).knows_repeats
