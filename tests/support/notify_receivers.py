"""Helpers of the notification tests: an outbox in memory, channels, receivers."""

import asyncio
import base64
import contextlib
import json
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from sidecar.clock import SystemClock
from sidecar.core.model.cause import Severity
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.state import State
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.reason.reason_text import reason_facts
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import DELIVERED, DeliveryResult
from sidecar.notify.installation import Installation
from sidecar.simulation import virtual_time
from tests.support.server_close import close_server

WALL = 1_767_323_045.0
PLACE = Installation(
    *("shop", "pay-1", "shop-sidecar-1"), service="watch", state_dir="/srv/state"
)
SINCE = WALL - 47.0
FACTS = {
    "target": "electron-cash",
    "about": "electron-cash",
    "severity": "P1",
    "cause": "hung",
    "opened_at_wall": f"{WALL:.3f}",
    "since_wall": f"{SINCE:.3f}",
    "seconds": "61",
    "payments": "stopped",
    "payments_of": "electron-cash, bitcoincash-service",
    "affected": "bitcoincash-service",
    "mode": "act",
    **reason_facts(
        "reason", Reason.of(R.NO_ANSWER, place="electron-cash:7777", seconds=47.0)
    ),
    "remedies": "0",
    "lane": "fast",
    "doing": "restart",
    "doing_wall": f"{WALL:.3f}",
    "attempt": "1",
    "attempts": "8",
    "next_wall": f"{SINCE + 900.0:.3f}",
    "service": "electron-cash",
    "compose": "cd /srv/shop && docker compose",
    "last_action": "restart",
    "last_reason": "it hangs",
    "container": "shop-electron-cash-1",
    "next_try_wall": "",
    "incident": "01JARZ3NDEKTSV4RRFFQ69G5FA",
    **{
        f"{part}_{when}": "1.5"
        for part in ("confirmed", "unconfirmed", "unmatured")
        for when in ("before", "after")
    },
}


def _with_plain_reasons(facts: Mapping[str, str]) -> dict[str, str]:
    """The facts, without FACTS' structured data for reasons given as plain text."""
    plain = {f"{name}_data": "" for name in facts if f"{name}_data" in FACTS}
    return {**plain, **facts}


def message(
    number: int = 1,
    incident: str = "01JARZ3NDEKTSV4RRFFQ69G5FA",
    channel: str = "ops",
    kind: MessageKind = MessageKind.OPENED,
    created_wall: float = WALL,
    facts: dict[str, str] | None = None,
) -> Message:
    return Message(
        id=f"{incident}-{number}-{kind}-{channel}",
        incident=incident,
        sequence=number,
        channel=channel,
        kind=kind,
        severity=Severity.P1,
        created_wall=created_wall,
        facts={**FACTS, **_with_plain_reasons(facts or {})},
    )


_zeros_s: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, float] = (
    weakref.WeakKeyDictionary()
)
"""The time of each loop when its first clock was made."""


class LoopClock(virtual_time.LoopClock):
    """The running loop's time, whichever loop that is; wall from WALL on.

    A real loop's time is the time since the machine's start. As the age of the messages
    of WALL it would be too long after a day: they would be given up.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(WALL - _zeros_s.setdefault(loop, loop.time()))


def no_current_incidents() -> CurrentIncidents:
    """Current incidents without any incident: messages are sent as stored."""
    clock = SystemClock()
    return CurrentIncidents(lambda: State(started=clock.now()), clock)


@dataclass
class MemoryOutbox:
    """The contract of core.ports.Outbox, in memory."""

    messages: dict[str, Message] = field(default_factory=dict)
    delivered_ids: list[str] = field(default_factory=list)
    given_up_ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    put_off_walls: list[float] = field(default_factory=list)
    sending_marks: list[tuple[str, float]] = field(default_factory=list)

    def add(self, *messages: Message) -> None:
        self.messages.update({m.id: m for m in messages})

    async def due(self, channel: str, now_wall: float) -> Message | None:
        incidents: set[str] = set()
        waiting = [m for m in self.messages.values() if m.channel == channel]
        for message in sorted(waiting, key=lambda m: (m.created_wall, m.sequence)):
            if message.incident in incidents:
                continue
            incidents.add(message.incident)
            if message.not_before_wall <= now_wall:
                return message
        return None

    async def list_waiting(self, channel: str) -> tuple[Message, ...]:
        return tuple(m for m in self.messages.values() if m.channel == channel)

    async def mark_sending(self, message_id: str, not_before_wall: float) -> None:
        message = self.messages.get(message_id)
        if message is not None:
            self.sending_marks.append((message_id, not_before_wall))
            updated = replace(message, not_before_wall=not_before_wall)
            self.messages[message_id] = updated

    async def mark_delivered(self, message_id: str, now_wall: float) -> None:
        self.delivered_ids.append(message_id)
        self.messages.pop(message_id, None)

    async def put_off(
        self, message_id: str, not_before_wall: float, error: str
    ) -> None:
        message = self.messages[message_id]
        self.errors.append(error)
        self.put_off_walls.append(not_before_wall)
        self.messages[message_id] = replace(
            message, attempts=message.attempts + 1, not_before_wall=not_before_wall
        )

    async def give_up(self, message_id: str, now_wall: float, error: str) -> None:
        self.given_up_ids.append(message_id)
        self.errors.append(error)
        self.messages.pop(message_id, None)

    async def abandon(self, channel: str, now_wall: float) -> None:
        for waiting in tuple(self.messages.values()):
            if waiting.channel == channel:
                await self.give_up(waiting.id, now_wall, "not configured")

    async def count_pending(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for waiting in self.messages.values():
            counts[waiting.channel] = counts.get(waiting.channel, 0) + 1
        return counts


async def until(condition: Callable[[], bool], within_s: float = 25.0) -> None:
    """Wait until the condition is true."""
    end = asyncio.get_running_loop().time() + within_s
    for _ in iter(int, 1):
        if condition():
            return
        assert asyncio.get_running_loop().time() < end, "it did not come about"
        await asyncio.sleep(0.02)


Answer = Callable[[int], Awaitable[DeliveryResult]]


class ScriptedChannel:
    """A channel whose N-th try ends as ``answer`` says; ``tries``: ids and times."""

    def __init__(
        self, name: str, answer: Answer, *, knows_repeats: bool = False
    ) -> None:
        self.name = name
        self.knows_repeats = knows_repeats
        self.tries: list[tuple[str, float]] = []
        self.facts: list[Mapping[str, str]] = []
        self._answer = answer

    async def send(self, message: Message) -> DeliveryResult:
        self.tries.append((message.id, asyncio.get_running_loop().time()))
        self.facts.append(message.facts)
        return await self._answer(len(self.tries))


async def deliver(_: int) -> DeliveryResult:
    return DELIVERED


@dataclass
class ReceivedRequest:
    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    host: str = ""

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)


Responder = Callable[[int], Awaitable[web.Response]]


@dataclass
class Receiver:
    """An HTTP server that keeps its requests; ``respond`` takes the count so far."""

    respond: Responder
    requests: list[ReceivedRequest] = field(default_factory=list)
    port: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append(
            ReceivedRequest(
                request.path_qs,
                dict(request.headers),
                body,
                request.method,
                request.host,
            )
        )
        self.arrived.set()
        return await self.respond(len(self.requests))


async def ok(_: int) -> web.Response:
    return web.json_response({"ok": True})


@contextlib.asynccontextmanager
async def receiver(
    respond: Responder = ok, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    server = Receiver(respond)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    listener = await asyncio.get_running_loop().create_server(
        runner.server, "127.0.0.1", 0, ssl=tls
    )
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        async with close_server(listener):
            await runner.cleanup()


@contextlib.asynccontextmanager
async def tls_receiver(
    folder: Path, *hosts: str, respond: Responder = ok
) -> AsyncIterator[tuple[Receiver, dict[str, str]]]:
    """A receiver for ``hosts`` behind a proxy, and the environment to reach it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*hosts).configure_cert(context)
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    async with receiver(respond, context) as server:
        proxy = await asyncio.start_server(
            lambda r, w: _tunnel(r, w, server.port), "127.0.0.1", 0
        )
        async with proxy:
            port = proxy.sockets[0].getsockname()[1]
            yield (
                server,
                {
                    "HTTPS_PROXY": f"http://127.0.0.1:{port}",
                    "REQUESTS_CA_BUNDLE": str(bundle),
                },
            )


async def _tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    """Accept CONNECT for any host and connect it to the receiver."""
    await reader.readuntil(b"\r\n\r\n")
    onward_reader, onward = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    with contextlib.suppress(ConnectionError, OSError):
        await asyncio.gather(_copy(reader, onward), _copy(onward_reader, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, OSError):
        while part := await source.read(65536):
            sink.write(part)
            await sink.drain()
    sink.close()


@dataclass
class Mailbox:
    """An SMTP server's side: ``refuse`` answers RCPT with this line instead;
    ``breaks_off``: a mail gets no receipt.
    """

    refuse: str = ""
    breaks_off: bool = False
    mails: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await say("220 post.example ESMTP")
            while line := (await reader.readline()).decode().strip():
                word = line.split(" ")[0].upper()
                if word == "DATA":
                    await say("354 go on")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    self.mails.append(raw.decode())
                    if self.breaks_off:
                        break
                    await say("250 kept")
                elif word == "RCPT" and self.refuse:
                    await say(self.refuse)
                elif word == "QUIT":
                    await say("221 bye")
                    break
                elif word == "EHLO":
                    await say("250-post.example\r\n250 SMTPUTF8")
                else:
                    await say("250 ok")
        writer.close()


@contextlib.asynccontextmanager
async def mailbox(
    refuse: str = "", *, breaks_off: bool = False
) -> AsyncIterator[Mailbox]:
    box = Mailbox(refuse, breaks_off)
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    async with server:
        box.port = server.sockets[0].getsockname()[1]
        yield box


def decode_base64(part: str) -> str:
    """A base64 body of a mail as text."""
    return base64.b64decode(part).decode()
