"""Messages that may have arrived, and how receivers know a repeat: real processes."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

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
    old_news,
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


async def sent(
    url: str, environ: Mapping[str, str] | None = None, told: Message = OPENED
) -> DeliveryResult:
    async with asyncio.timeout(50.0):
        return await channel(url, environ).send(told)


async def test_a_receiver_that_hangs_gets_a_message_once_while_it_may_be_at_it() -> (
    None
):
    async def hangs(_: int) -> web.Response:
        await asyncio.sleep(110)
        return web.Response()

    async with receiver(hangs) as deaf:
        outbox = MemoryOutbox()
        outbox.add(OPENED)
        ops = channel(f"json://127.0.0.1:{deaf.port}/")
        begun_wall = LoopClock().now().wall
        runner = Dispatcher(
            outbox, [ops], LoopClock(), lambda *_: None, old_news(), deadline_s=8.0
        )
        running = asyncio.create_task(runner.run())
        await until(lambda: bool(outbox.errors))
        (again_wall,) = outbox.put_offs
        running.cancel()
        assert [got.headers["X-Sidecar-Message-Id"] for got in deaf.got] == [OPENED.id]
    assert again_wall - begun_wall >= 8.0 + DOUBT_WAIT_S


async def raw(said: bytes) -> tuple[asyncio.Server, int]:
    """A server that reads a request, says this much and breaks off."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"]
)
async def test_an_answer_that_breaks_off_leaves_doubt(said: bytes) -> None:
    server, port = await raw(said)
    async with server:
        attempt = await sent(f"json://127.0.0.1:{port}/")
        poster = HttpSender()
        hook = PostHook("hook:0", HookPost(f"http://127.0.0.1:{port}/"), poster)
        of_hook = await hook.send(OPENED)
        await poster.close()
    assert (attempt.delivery, attempt.is_doubtful) == (DeliveryStatus.FAILED, True)
    if b"\r\n\r\n" not in said:
        assert (of_hook.delivery, of_hook.is_doubtful) == (DeliveryStatus.FAILED, True)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nobody.invalid"])
async def test_what_found_no_receiver_has_not_arrived(host: str) -> None:
    attempt = await sent(f"json://{host}/")
    poster = HttpSender()
    of_hook = await PostHook("hook:0", HookPost(f"http://{host}/"), poster).send(OPENED)
    await poster.close()
    for one in (attempt, of_hook):
        assert (one.delivery, one.is_doubtful) == (DeliveryStatus.FAILED, False)


async def test_a_mail_that_was_handed_over_without_a_receipt_leaves_doubt() -> None:
    url = "mailto://127.0.0.1:{}?from=watch@example.com&to=ops@example.com"
    async with mailbox(breaks_off=True) as box:
        attempt = await sent(url.format(box.port))
        again = await sent(url.format(box.port))
    assert (attempt.delivery, attempt.is_doubtful) == (DeliveryStatus.FAILED, True)
    assert again.is_doubtful
    ids = [_header(mail, "Message-ID") for mail in box.mails]
    assert ids == [f"<{OPENED.id}@127.0.0.1>"] * 2
    async with mailbox("451 try later") as box:
        refused = await sent(url.format(box.port))
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
        await sent(url, environ)
    assert [got.json[field] for got in system.got] == [key]
    assert channel(url).knows_repeats


async def test_where_resolved_ends_an_alert_the_key_is_that_of_the_incident() -> None:
    async with receiver() as system:
        url = f"goalert://127.0.0.1:{system.port}/9d5f2c1a-7b3e-4f6a-8c2d-1e0f9a8b7c6d"
        for told in (OPENED, RESOLVED):
            attempt = await sent(url, told=told)
            assert attempt.delivery is DeliveryStatus.DELIVERED, attempt
    got: list[dict[str, Any]] = [one.json for one in system.got]
    assert [one["dedup"] for one in got] == [OPENED.incident] * 2
    assert [one.get("action") for one in got] == [None, "close"]


@pytest.mark.parametrize("url", ["json://h/", "mailto://h/", "tgram://t/c", "nonsense"])
def test_others_are_not_taken_for_such(url: str) -> None:
    assert not channel(url).knows_repeats
