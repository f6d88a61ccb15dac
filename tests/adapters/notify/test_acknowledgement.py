"""Acknowledging over HTTP and from the command line, and channel tests."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from types import MappingProxyType

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from sidecar.cli.client import ApiError
from sidecar.cli.main import sidecar
from sidecar.core.incidents.escalation import acknowledge
from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested, Event
from sidecar.core.model.incident import Incident
from sidecar.core.model.notification_settings import ChannelSettings
from sidecar.notify.link_signer import Signer
from sidecar.notify.message_catalog import read_catalog
from sidecar.web.response import RequestRefused, error_response
from sidecar.web.routes.acknowledge import NotificationRoutes, NotificationServices
from tests.support.api_services import TOKEN, ApiServiceFakes

KOREAN = read_catalog("ko")
DEADLINE = aiohttp.ClientTimeout(total=10)


class AckServer:
    """Fakes of the API with an open incident, and a server of its pages."""

    def __init__(self) -> None:
        self.fakes = ApiServiceFakes()
        self.signer = Signer(b"k" * 32)
        self.fakes.world.fails("electron-cash", Cause.REFUSED)
        (self.incident,) = self.fakes.state().incidents.values()
        self.asked: list[AckRequested] = []
        self.port = 0

    async def ask(self, event: Event) -> None:
        """Mark the incident as acknowledged, as the loop does."""
        assert isinstance(event, AckRequested)
        self.asked.append(event)
        incident = self.fakes.state().incidents[event.incident]
        self.store_incident(acknowledge(incident, event.at, event.by))

    def store_incident(self, incident: Incident) -> None:
        world = self.fakes.world
        world.state = replace(
            world.state, incidents=MappingProxyType({incident.id: incident})
        )

    async def test(self, channel: str) -> str:
        if channel not in {"ops", "bad"}:
            raise LookupError(channel)
        return "" if channel == "ops" else "the receiver answered HTTP 404"

    def pages(self, token: str | None = TOKEN) -> NotificationRoutes:
        desk = self.fakes.without(ask=self.ask, token=token)
        return NotificationRoutes(
            desk, NotificationServices(self.signer.channel_of, KOREAN, "ko", self.test)
        )

    def link(self, channel: str = "ops") -> str:
        token = self.signer.token(self.incident.id, channel)
        return f"/ack/{self.incident.id}?t={token}"


@web.middleware
async def _render_refusal(request: web.Request, handler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    try:
        return await handler(request)
    except RequestRefused as refusal:
        return error_response(refusal.status, refusal.error)


@pytest.fixture
async def ack_server() -> AsyncIterator[AckServer]:
    server = AckServer()
    app = web.Application(middlewares=[_render_refusal])
    app.add_routes(server.pages().routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


@pytest.fixture
async def http(ack_server: AckServer) -> AsyncIterator[aiohttp.ClientSession]:
    base = f"http://127.0.0.1:{ack_server.port}"
    async with aiohttp.ClientSession(base, timeout=DEADLINE) as session:
        yield session


async def test_get_of_the_link_acknowledges_nothing(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    async with http.get(ack_server.link()) as page:
        text = await page.text()
        assert (page.status, page.content_type) == (200, "text/html")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
    assert "장애 대상: electron-cash (P1). 처리하시겠습니까?" in text
    assert re.search(r'<form method="post"><button>', text)
    async with http.head(ack_server.link()) as page:
        assert page.status == 200
    assert ack_server.asked == []


async def test_confirming_acknowledges_in_the_name_of_the_channel(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    async with http.post(ack_server.link("on-call")) as page:
        assert "담당자로 확인되었습니다" in await page.text()
    assert [(e.incident, e.by) for e in ack_server.asked] == [
        (ack_server.incident.id, "link sent to on-call")
    ]


async def test_forged_link_is_refused(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    other = Signer(b"x" * 32).token(ack_server.incident.id, "ops")
    for token in (other, "", "ops.", "%3Cscript%3E"):
        for method in ("GET", "POST"):
            path = f"/ack/{ack_server.incident.id}?t={token}"
            async with http.request(method, path) as page:
                assert page.status == 404
                assert "유효하지 않은 링크" in await page.text()
    async with http.post(
        ack_server.link().replace(ack_server.incident.id, "01JOTHER")
    ) as page:
        assert page.status == 404
    assert ack_server.asked == []


async def test_page_of_an_acknowledged_incident_has_no_form(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    ack_server.store_incident(
        replace(ack_server.incident, acked_at=ack_server.fakes.now())
    )
    for method in ("GET", "POST"):
        async with http.request(method, ack_server.link()) as page:
            text = await page.text()
        assert "이미 담당자가 있습니다. 대상: electron-cash" in text
        assert "<form" not in text
    assert ack_server.asked == []


async def test_page_of_a_resolved_incident_acknowledges_nothing(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    ack_server.store_incident(
        replace(ack_server.incident, resolved_at=ack_server.fakes.now())
    )
    for method in ("GET", "POST"):
        async with http.request(method, ack_server.link()) as page:
            assert "이미 해결된 장애" in await page.text()
    assert ack_server.asked == []


async def test_ack_over_the_api_needs_the_token(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    path = f"/api/v1/incidents/{ack_server.incident.id}/ack"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for each in (path, "/api/v1/notify/ops/test"):
            async with http.post(each, headers=headers) as answer:
                assert answer.status == 401
    assert ack_server.asked == []
    right = {"Authorization": f"Bearer {TOKEN}"}
    async with http.post(path, headers=right) as answer:
        body = await answer.json()
        assert answer.status == 200
    assert body["incident"] == ack_server.incident.id
    assert body["acked_at"].endswith("Z")
    async with http.post(path.lower(), headers=right) as answer:
        assert answer.status == 200
    async with http.post("/api/v1/incidents/01JNONE/ack", headers=right) as answer:
        assert answer.status == 404
    ack_server.store_incident(
        replace(ack_server.incident, resolved_at=ack_server.fakes.now())
    )
    async with http.post(path, headers=right) as answer:
        assert answer.status == 409


async def test_channel_test_over_the_api_reports_the_delivery(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    expected = {"ops": 200, "bad": 502, "nobody": 404}
    for channel, status in expected.items():
        path = f"/api/v1/notify/{channel}/test"
        async with http.post(path, headers=right) as answer:
            assert answer.status == status
            body = await answer.json()
        if channel == "bad":
            assert body["error"] == "bad: the receiver answered HTTP 404"


async def test_unknown_channel_or_incident_lists_the_known_ones(
    ack_server: AckServer, http: aiohttp.ClientSession
) -> None:
    world, incident_id = ack_server.fakes.world, ack_server.incident.id
    channels = (ChannelSettings("ops", "json://desk"),)
    settings = replace(world.state.notify, channels=channels)
    world.state = replace(world.state, notify=settings)
    mistyped_id = f"{incident_id[:-1]}!"
    for path, hint in (
        ("/api/v1/notify/op/test", "did you mean ops? there are: ops"),
        (
            f"/api/v1/incidents/{mistyped_id}/ack",
            f"did you mean {incident_id}? there are: {incident_id}",
        ),
    ):
        right = {"Authorization": f"Bearer {TOKEN}"}
        async with http.post(path, headers=right) as answer:
            body = await answer.json()
            assert (answer.status, body["error"].endswith(hint)) == (404, True), body


async def test_ack_and_notify_commands_report_their_result(
    ack_server: AckServer,
) -> None:
    async def run_command(*arguments: str) -> Result:
        environ = {
            "SIDECAR_URL": f"http://127.0.0.1:{ack_server.port}",
            "SIDECAR_API_TOKEN": TOKEN,
        }
        return await asyncio.to_thread(
            CliRunner(env=environ).invoke, sidecar, arguments, standalone_mode=False
        )

    result = await run_command("ack", ack_server.incident.id)
    assert result.return_value == 0
    assert f"{ack_server.incident.id}: acknowledged at 20" in result.output
    assert ack_server.asked[0].by == "api"
    assert (await run_command("notify", "test", "ops")).return_value == 0
    refused_one = await run_command("notify", "test", "bad")
    assert refused_one.return_value == 1
    assert "HTTP 404" in refused_one.output
    for channel, delivered in (("ops", True), ("bad", False)):
        report = json.loads(
            (await run_command("notify", "test", channel, "--json")).output
        )
        assert (report["channel"], report["delivered"]) == (channel, delivered)
    acked = json.loads(
        (await run_command("ack", ack_server.incident.id, "--json")).output
    )
    assert acked["incident"] == ack_server.incident.id
    unknown = await run_command("notify", "test", "nobody")
    assert isinstance(unknown.exception, ApiError)
