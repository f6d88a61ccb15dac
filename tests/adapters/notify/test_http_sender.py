"""Hooks and the heartbeat: real requests, and a fake engine."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web
from loguru import logger
from typing_extensions import override

from sidecar.clock import SystemClock
from sidecar.core.model.container import Container, Status
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    HeartbeatSettings,
    HookExec,
    HookPost,
    HookSettings,
)
from sidecar.core.ports.engine import (
    ContainerGone,
    Engine,
    EngineForbidden,
    EngineRefused,
    ExecResult,
)
from sidecar.notify.delivery import (
    DELIVERED,
    DeliveryResult,
    DeliveryStatus,
    expected_failure,
    temporary_failure,
)
from sidecar.notify.heartbeat import Heartbeat
from sidecar.notify.hooks import HookTools, hook_channel
from sidecar.notify.http_sender import HttpSender
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import a_container
from tests.support.notify_receivers import message, receiver, until


@dataclass
class Commands:
    """The calls of an engine that a hook makes."""

    ends: ExecResult | Exception
    status: Status = Status.RUNNING
    ran: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        assert timeout_s <= 30.0
        self.ran.append((container_id, command))
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends

    async def inspect(self, container_id: str) -> Container:
        return a_container(container_id, status=self.status)


async def post(url: str, kind: MessageKind = MessageKind.OPENED) -> DeliveryResult:
    settings = HookSettings(kind, None, HookPost(url))
    poster = HttpSender()
    engine: Engine = Commands(ExecResult(0, ""))  # type: ignore[assignment]
    try:
        tools = HookTools(poster, engine, lambda _: None, str, SystemClock())
        hook = hook_channel(0, settings, tools)
        assert hook.name == "hook:0"
        facts = {"resolved_at_wall": "1767323106.5"} if kind != "opened" else {}
        return await hook.send(message(channel="hook:0", kind=kind, facts=facts))
    finally:
        await poster.close()


async def execute(engine: Commands, container: str | None = "id-1") -> DeliveryResult:
    does = HookExec("gateway", ("maintenance", "on"))
    settings = HookSettings(MessageKind.OPENED, None, does)
    tools = HookTools(
        HttpSender(),
        engine,  # type: ignore[arg-type]  # one call is enough here
        lambda name: container if name == "gateway" else None,
        lambda text: text.replace("t0ken", "***"),
        SystemClock(),
    )
    hook = hook_channel(1, settings, tools)
    return await hook.send(message(channel="hook:1"))


async def test_a_hook_gets_the_incident_as_json() -> None:
    async with receiver() as withdrawals:
        url = f"http://127.0.0.1:{withdrawals.port}/withdrawals/pause"
        assert (await post(url)).delivery is DeliveryStatus.DELIVERED
        assert (
            await post(url, MessageKind.RESOLVED)
        ).delivery is DeliveryStatus.DELIVERED
    opened, resolved = withdrawals.requests
    assert opened.path == "/withdrawals/pause"
    assert opened.headers["Content-Type"] == "application/json"
    expected = message(channel="hook:0")
    assert opened.headers["X-Sidecar-Message-Id"] == expected.id
    assert opened.json == {
        "message_id": expected.id,
        "event": "opened",
        "incident": {
            "id": "01JARZ3NDEKTSV4RRFFQ69G5FA",
            "target": "electron-cash",
            "affected": ["bitcoincash-service"],
            "severity": "P1",
            "state": "open",
            "cause": "hung",
            "reason": "no answer from electron-cash:7777 for 47.0 s",
            "began_at": "2026-01-02T03:03:18.000Z",
            "opened_at": "2026-01-02T03:04:05.000Z",
            "resolved_at": None,
        },
    }
    assert resolved.json["event"] == "resolved"
    assert resolved.json["incident"]["state"] == "resolved"
    assert resolved.json["incident"]["resolved_at"] == "2026-01-02T03:05:06.500Z"


async def test_hook_gets_a_raised_incident_as_opened() -> None:
    async with receiver() as hook:
        await post(f"http://127.0.0.1:{hook.port}/", MessageKind.RAISED)
    assert hook.requests[0].json["event"] == "opened"


async def test_hook_retries_on_transient_error_only() -> None:
    async def busy(_: int) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "9"})

    async def unknown(_: int) -> web.Response:
        return web.Response(status=404)

    async with receiver(busy) as one, receiver(unknown) as other:
        again = await post(f"http://127.0.0.1:{one.port}/secret")
        never = await post(f"http://127.0.0.1:{other.port}/secret")
    assert (again.delivery, again.retry_after_s) == (DeliveryStatus.FAILED, 9.0)
    assert never.delivery is DeliveryStatus.GIVEN_UP
    refused = await post("http://127.0.0.1:9/secret")
    assert refused.delivery is DeliveryStatus.FAILED
    assert "secret" not in refused.error + again.error + never.error


async def test_exec_hook_runs_its_command_in_the_container() -> None:
    engine = Commands(ExecResult(0, "done"))
    assert (await execute(engine)).delivery is DeliveryStatus.DELIVERED
    assert engine.ran == [("id-1", ("maintenance", "on"))]


async def test_a_command_that_fails_or_has_no_container_is_tried_again() -> None:
    ended = await execute(Commands(ExecResult(3, "no such\n  t0ken")))
    assert ended == DeliveryResult(
        DeliveryStatus.FAILED, "the command ended with 3: no such ***", None
    )
    vanished = await execute(Commands(ContainerGone("there is no container id-1")))
    assert vanished.delivery is DeliveryStatus.FAILED
    absent = await execute(Commands(ExecResult(0, "")), container=None)
    assert absent.error == "there is no container gateway"


async def test_command_in_a_container_that_is_down_is_no_fault_of_the_hook() -> None:
    """The hook may be about that very container."""
    refusal = EngineRefused("the engine answered 409: container is not running")
    down = await execute(Commands(refusal, Status.EXITED))
    assert down == expected_failure(str(refusal))
    assert await execute(Commands(refusal)) == temporary_failure(str(refusal))


async def test_a_command_that_the_engine_does_not_allow_is_given_up() -> None:
    ended = await execute(Commands(EngineForbidden("the engine answered 403: no")))
    assert ended == DeliveryResult(
        DeliveryStatus.GIVEN_UP, "the engine answered 403: no"
    )


async def run_heartbeat(url: str, trouble: str, count: int, **more: float) -> None:
    """Run the heartbeat until ``count`` requests were made."""
    poster = HttpSender(through_proxy=True)
    settings = HeartbeatSettings(url, interval_s=0.05)
    heart = Heartbeat(settings, lambda: trouble, poster, **more)
    running = asyncio.create_task(heart.run())
    try:
        await until(lambda: running.done() or count_arrivals() >= count)
        assert not running.done()
    finally:
        running.cancel()
        await poster.close()


_arrivals: list[int] = []


def count_arrivals() -> int:
    return len(_arrivals)


async def count_request(_: int) -> web.Response:
    _arrivals.append(1)
    return web.Response()


async def test_heartbeat_sends_start_then_beats() -> None:
    _arrivals.clear()
    async with receiver(count_request) as outside:
        await run_heartbeat(f"http://127.0.0.1:{outside.port}/ping/uuid?x=1", "", 3)
    requests = [(request.method, request.path) for request in outside.requests[:3]]
    assert requests == [
        ("GET", "/ping/uuid/start?x=1"),
        ("GET", "/ping/uuid?x=1"),
        ("GET", "/ping/uuid?x=1"),
    ]


async def test_heartbeat_reports_fail_with_the_reason_when_unhealthy() -> None:
    _arrivals.clear()
    async with receiver(count_request) as outside:
        await run_heartbeat(
            f"http://127.0.0.1:{outside.port}/uuid", "no turn for 12 s", 2
        )
    request = outside.requests[1]
    assert (request.method, request.path, request.body) == (
        "POST",
        "/uuid/fail",
        b"no turn for 12 s",
    )


class RecordingSender(HttpSender):
    """A sender that succeeds or fails, and records the time and URL of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.reachable = True
        self.requests: list[tuple[float, str]] = []

    @override
    async def send(
        self, method: str, url: str, body: bytes, headers: dict[str, str]
    ) -> DeliveryResult:
        self.requests.append((asyncio.get_running_loop().time(), url))
        return DELIVERED if self.reachable else temporary_failure("ClientError")


def test_heartbeat_keeps_its_interval_and_logs_a_failure_once() -> None:
    lines: list[str] = []
    number = logger.add(lambda line: lines.append(str(line)), format="{message}")

    async def story() -> None:
        sender = RecordingSender()
        settings = HeartbeatSettings("http://outside/", interval_s=60.0)
        beating = asyncio.create_task(Heartbeat(settings, lambda: "", sender).run())
        await asyncio.sleep(90.0)
        assert sender.requests == [
            (0.0, "http://outside/start"),
            (60.0, "http://outside/"),
        ]
        assert lines == []
        sender.reachable = False
        await asyncio.sleep(180.0)
        assert lines == ["the heartbeat did not arrive: ClientError\n"]
        sender.reachable = True
        await asyncio.sleep(180.0)
        assert lines[1:] == ["the heartbeat arrives again\n"]
        assert [at for at, _ in sender.requests] == [60.0 * n for n in range(8)]
        beating.cancel()

    run_virtual(story())
    logger.remove(number)


async def test_hanging_receiver_stops_no_heartbeat() -> None:
    _arrivals.clear()

    async def hangs(_: int) -> web.Response:
        _arrivals.append(1)
        await asyncio.sleep(60)
        return web.Response()

    async with receiver(hangs) as outside:
        await run_heartbeat(
            f"http://127.0.0.1:{outside.port}/uuid", "", 3, deadline_s=0.2
        )
    assert len(outside.requests) >= 3
