"""Local servers that answer as ntfy and PagerDuty do."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web
from typing_extensions import override

from tests.support.channel_credentials import NTFY_TOKEN, NTFY_TOPIC, ROUTING_KEY

Json = dict[str, Any]
Respond = Callable[[], Awaitable[web.StreamResponse]]


class PushService:
    """A service at one path; ``respond`` replaces its answer."""

    path = "/"

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[Json] = []
        self.respond: Respond | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.requests.append(request)
        self.bodies.append(json.loads(raw))
        if self.respond is not None:
            return await self.respond()
        return self.answer(request, raw)

    def answer(self, request: web.Request, raw: bytes) -> web.Response:
        return web.json_response({})


class NtfyServer(PushService):
    """Checks a publication by the limits of ntfy with its default settings."""

    @override
    def answer(self, request: web.Request, raw: bytes) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {NTFY_TOKEN}":
            return ntfy_error(403, 40301, "forbidden")
        if len(raw) > 8192:
            return ntfy_error(413, 41303, "JSON body too large")
        content = json.loads(raw)
        if len(content["message"].encode()) >= 4096:
            return ntfy_error(400, 40014, "invalid request: attachments not allowed")
        if not _is_publication(content):
            return ntfy_error(400, 40017, "invalid request: must be message JSON")
        published = {"id": "sPs71M8A2T", "time": 1767323045, "event": "message"}
        return web.json_response({**published, **content})


def ntfy_error(status: int, code: int, error: str) -> web.Response:
    """An error in the form of ntfy."""
    link = "https://ntfy.sh/docs/publish/#limitations"
    body = {"code": code, "http": status, "error": error, "link": link}
    return web.json_response(body, status=status)


def _is_publication(content: Json) -> bool:
    actions = content["actions"]
    return (
        content["topic"] == NTFY_TOPIC
        and content["priority"] in range(1, 6)
        and len(actions) <= 3
        and all(map(_is_action, actions))
    )


def _is_action(action: Json) -> bool:
    is_known = action["action"] in {"view", "http", "broadcast"}
    return is_known and bool(action["label"]) and action["url"].startswith("http")


class PagerDutyServer(PushService):
    """Keeps alerts by their key, and drops the end of an unknown alert."""

    path = "/v2/enqueue"

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, str] = {}

    @override
    def answer(self, request: web.Request, raw: bytes) -> web.Response:
        event = json.loads(raw)
        faults = list(_faults_of_event(event))
        if faults:
            return pagerduty_error(*faults)
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger":
            self.alerts[key] = self.alerts.get(key, "triggered")
        elif key in self.alerts:
            self.alerts[key] = "acknowledged"
        if action == "resolve":
            self.alerts.pop(key, None)
        body = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(body, status=202)


def pagerduty_error(*errors: str) -> web.Response:
    """The refusal of an event in the form of PagerDuty."""
    body = {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": errors,
    }
    return web.json_response(body, status=400)


def _faults_of_event(event: Json) -> list[str]:
    faults = []
    if event["routing_key"] != ROUTING_KEY:
        faults.append("Invalid routing key")
    if event["event_action"] not in {"trigger", "acknowledge", "resolve"}:
        faults.append("'event_action' is invalid")
    if not 1 <= len(event["dedup_key"]) <= 255:
        faults.append("Length of 'dedup_key' is incorrect")
    if event["event_action"] == "trigger":
        payload = event["payload"]
        if payload["severity"] not in {"critical", "error", "warning", "info"}:
            faults.append("'payload.severity' is invalid")
        if not 1 <= len(payload["summary"]) <= 1024 or not payload["source"]:
            faults.append("'payload.summary' or 'payload.source' is invalid")
    return faults


@contextlib.asynccontextmanager
async def run_service(service: PushService) -> AsyncIterator[None]:
    """Run the service on a port of its own."""
    app = web.Application()
    app.router.add_post(service.path, service.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.port = runner.addresses[0][1]
    try:
        yield
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def ntfy_server() -> AsyncIterator[NtfyServer]:
    """Run an ntfy server that knows one topic and one token."""
    server = NtfyServer()
    async with run_service(server):
        yield server


@contextlib.asynccontextmanager
async def pagerduty_server() -> AsyncIterator[PagerDutyServer]:
    """Run a PagerDuty that knows one integration."""
    server = PagerDutyServer()
    async with run_service(server):
        yield server
