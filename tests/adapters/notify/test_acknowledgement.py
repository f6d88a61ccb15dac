"""Acknowledging over HTTP and from the command line, and channel tests."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from types import MappingProxyType

import aiohttp
import click
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from sidecar.cli.client import ApiError
from sidecar.cli.notify import ack, notify
from sidecar.core.incidents.escalation import acknowledge
from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested, Event
from sidecar.core.model.incident import Incident
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_catalog import read_catalog
from sidecar.web.response import RequestRefused, error_response
from sidecar.web.routes.acknowledge import NotificationRoutes, NotificationServices
from tests.support.api_services import TOKEN, ApiServiceFakes

KOREAN = read_catalog("ko")
DEADLINE = aiohttp.ClientTimeout(total=10)


class Hall:
    """An office with an open incident, and its pages served."""

    def __init__(self) -> None:
        self.office = ApiServiceFakes()
        self.signer = Signer(b"k" * 32)
        self.office.world.fails("electron-cash", Cause.REFUSED)
        (self.incident,) = self.office.state().incidents.values()
        self.asked: list[AckRequested] = []
        self.port = 0

    async def ask(self, event: Event) -> None:
        """As the loop will: the incident is marked."""
        assert isinstance(event, AckRequested)
        self.asked.append(event)
        known = self.office.state().incidents[event.incident]
        self.put(acknowledge(known, event.at, event.by))

    def put(self, incident: Incident) -> None:
        world = self.office.world
        world.state = replace(
            world.state, incidents=MappingProxyType({incident.id: incident})
        )

    async def test(self, channel: str) -> str:
        if channel not in {"ops", "bad"}:
            raise LookupError(channel)
        return "" if channel == "ops" else "the receiver answered HTTP 404"

    def pages(self, token: str | None = TOKEN) -> NotificationRoutes:
        desk = self.office.without(ask=self.ask, token=token)
        return NotificationRoutes(
            desk, NotificationServices(self.signer.channel_of, KOREAN, "ko", self.test)
        )

    def link(self, channel: str = "ops") -> str:
        token = self.signer.token(self.incident.id, channel)
        return f"/ack/{self.incident.id}?t={token}"


@web.middleware
async def _told(request: web.Request, handler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    try:
        return await handler(request)
    except RequestRefused as no:
        return error_response(no.status, no.error)


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    kept = Hall()
    app = web.Application(middlewares=[_told])
    app.add_routes(kept.pages().routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.port = runner.addresses[0][1]
    yield kept
    await runner.cleanup()


@pytest.fixture
async def http(hall: Hall) -> AsyncIterator[aiohttp.ClientSession]:
    base = f"http://127.0.0.1:{hall.port}"
    async with aiohttp.ClientSession(base, timeout=DEADLINE) as session:
        yield session


async def test_looking_at_the_link_acknowledges_nothing(
    hall: Hall, http: aiohttp.ClientSession
) -> None:
    async with http.get(hall.link()) as page:
        text = await page.text()
        assert (page.status, page.content_type) == (200, "text/html")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
    assert "장애 대상: electron-cash (P1). 담당하시겠습니까?" in text
    assert re.search(r'<form method="post"><button>', text)
    async with http.head(hall.link()) as page:
        assert page.status == 200
    assert hall.asked == []


async def test_confirming_acknowledges_in_the_name_of_the_channel(
    hall: Hall, http: aiohttp.ClientSession
) -> None:
    async with http.post(hall.link("on-call")) as page:
        assert "담당자로 확인되었습니다" in await page.text()
    assert [(e.incident, e.by) for e in hall.asked] == [
        (hall.incident.id, "link sent to on-call")
    ]


async def test_a_forged_link_is_worth_nothing(
    hall: Hall, http: aiohttp.ClientSession
) -> None:
    other = Signer(b"x" * 32).token(hall.incident.id, "ops")
    for token in (other, "", "ops.", "%3Cscript%3E"):
        for method in ("GET", "POST"):
            path = f"/ack/{hall.incident.id}?t={token}"
            async with http.request(method, path) as page:
                assert page.status == 404
                assert "유효하지 않은 링크" in await page.text()
    async with http.post(hall.link().replace(hall.incident.id, "01JOTHER")) as page:
        assert page.status == 404
    assert hall.asked == []


async def test_what_somebody_takes_care_of_needs_nobody_else(
    hall: Hall, http: aiohttp.ClientSession
) -> None:
    hall.put(replace(hall.incident, acked_at=hall.office.now()))
    for method in ("GET", "POST"):
        async with http.request(method, hall.link()) as page:
            text = await page.text()
        assert "이미 담당자가 있습니다. 대상: electron-cash" in text
        assert "<form" not in text
    assert hall.asked == []


async def test_what_is_resolved_needs_nobody(
    hall: Hall, http: aiohttp.ClientSession
) -> None:
    hall.put(replace(hall.incident, resolved_at=hall.office.now()))
    for method in ("GET", "POST"):
        async with http.request(method, hall.link()) as page:
            assert "이미 해결된 장애" in await page.text()
    assert hall.asked == []


async def test_the_api_needs_the_token(hall: Hall, http: aiohttp.ClientSession) -> None:
    path = f"/api/v1/incidents/{hall.incident.id}/ack"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for each in (path, "/api/v1/notify/ops/test"):
            async with http.post(each, headers=headers) as answer:
                assert answer.status == 401
    assert hall.asked == []
    right = {"Authorization": f"Bearer {TOKEN}"}
    async with http.post(path, headers=right) as answer:
        told = await answer.json()
        assert answer.status == 200
    assert told["incident"] == hall.incident.id
    assert told["acked_at"].endswith("Z")
    async with http.post(path.lower(), headers=right) as answer:
        assert answer.status == 200
    async with http.post("/api/v1/incidents/01JNONE/ack", headers=right) as answer:
        assert answer.status == 404
    hall.put(replace(hall.incident, resolved_at=hall.office.now()))
    async with http.post(path, headers=right) as answer:
        assert answer.status == 409


async def test_a_channel_is_tried_over_the_api(
    hall: Hall, http: aiohttp.ClientSession
) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    expected = {"ops": 200, "bad": 502, "nobody": 404}
    for channel, status in expected.items():
        path = f"/api/v1/notify/{channel}/test"
        async with http.post(path, headers=right) as answer:
            assert answer.status == status
            told = await answer.json()
        if channel == "bad":
            assert told["error"] == "bad: the receiver answered HTTP 404"


async def test_commands(hall: Hall) -> None:
    async def ran(command: click.Command, *arguments: str) -> Result:
        environ = {
            "SIDECAR_URL": f"http://127.0.0.1:{hall.port}",
            "SIDECAR_API_TOKEN": TOKEN,
        }
        return await asyncio.to_thread(
            CliRunner(env=environ).invoke, command, arguments, standalone_mode=False
        )

    done = await ran(ack, hall.incident.id)
    assert done.return_value == 0
    assert f"{hall.incident.id}: acknowledged at 20" in done.output
    assert hall.asked[0].by == "api"
    assert (await ran(notify, "test", "ops")).return_value == 0
    refused_one = await ran(notify, "test", "bad")
    assert refused_one.return_value == 1
    assert "HTTP 404" in refused_one.output
    for channel, delivered in (("ops", True), ("bad", False)):
        told = json.loads((await ran(notify, "test", channel, "--json")).output)
        assert (told["channel"], told["delivered"]) == (channel, delivered)
    acked = json.loads((await ran(ack, hall.incident.id, "--json")).output)
    assert acked["incident"] == hall.incident.id
    unknown = await ran(notify, "test", "nobody")
    assert isinstance(unknown.exception, ApiError)
