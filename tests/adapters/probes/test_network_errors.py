# ruff: noqa: ANN401
"""Network errors between Sidecar and a target, distinguished on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import (
    Credentials,
    ElectronCashProbe,
    HttpProbe,
    JsonRpcProbe,
    ProbeSettings,
    TcpProbe,
)
from sidecar.core.reason.code import ReasonCode
from sidecar.probes.failure import ProbeFailed
from sidecar.probes.http_client.client import HttpClient
from sidecar.probes.http_client.request import Request
from sidecar.probes.http_client.resolver import ThreadResolver
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.probe_servers import (
    HEALTHY,
    Connection,
    Server,
    full_backlog,
    never_reply,
    refused_port,
    reply_by_method,
    reply_with,
    response,
    result,
    rpc_error,
    run_server,
)

pytestmark = pytest.mark.usefixtures("steady_time")

CONTAINER = a_container()
TIMEOUT_S = 0.4
UNRESOLVABLE = "no-such-name.invalid"


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(FakeEngine(LoopClock(), CONTAINER), LoopClock())
    yield probes
    await probes.close()


def wallet(url: str, **changes: Any) -> ElectronCashProbe:
    return ElectronCashProbe(url, **{"timeout_s": TIMEOUT_S} | changes)


def over_http(url: str) -> list[ProbeSettings]:
    """Kinds of probes over HTTP: network causes are the same for all of them."""
    return [
        wallet(url),
        JsonRpcProbe(url, "ping", TIMEOUT_S),
        HttpProbe(url, TIMEOUT_S),
    ]


async def probe_reply(
    prober: ProbeRunner, reply: Callable[[Connection], None], **changes: Any
) -> ProbeResult:
    async with run_server(reply) as server:
        return await prober.probe(wallet(server.url, **changes), CONTAINER)


@pytest.mark.parametrize("kind", range(3))
async def test_refused_connection_is_refused_without_path_fault(
    prober: ProbeRunner, kind: int
) -> None:
    with refused_port() as port:
        settings = over_http(f"http://127.0.0.1:{port}/")[kind]
        outcome = await prober.probe(settings, CONTAINER)
    assert outcome.cause is Cause.REFUSED
    assert str(outcome.reason) == f"connection refused by 127.0.0.1:{port}"
    assert not outcome.path_fault
    assert not outcome.rpc_answers


async def test_refused_by_every_address_of_a_name(prober: ProbeRunner) -> None:
    with refused_port() as port:
        outcome = await prober.probe(wallet(f"http://localhost:{port}/"), CONTAINER)
    assert outcome.cause is Cause.REFUSED


@pytest.mark.parametrize("kind", range(3))
async def test_silence_is_a_hang_behind_a_working_path(
    prober: ProbeRunner, kind: int
) -> None:
    async with run_server(never_reply) as server:
        outcome = await prober.probe(over_http(server.url)[kind], CONTAINER)
    assert outcome.cause is Cause.HUNG
    assert_silence(outcome, ReasonCode.NO_ANSWER, server.port)
    assert not outcome.path_fault


def assert_silence(outcome: ProbeResult, code: ReasonCode, port: int) -> None:
    """It names the place; its seconds are about the timeout, late on a busy machine."""
    assert outcome.reason.code is code
    assert outcome.reason.get("place") == f"127.0.0.1:{port}"
    assert TIMEOUT_S / 2 < float(str(outcome.reason.get("seconds"))) < 2 * TIMEOUT_S


@pytest.mark.parametrize(
    "half",
    [b"HTTP/1.0 200 OK\r\nConte", response(b"x" * 20)[:-10]],
    ids=["half a head", "half a body"],
)
async def test_half_an_answer_and_then_silence_is_a_hang(
    prober: ProbeRunner, half: bytes
) -> None:
    outcome = await probe_reply(prober, lambda c: c.send(half, close=False))
    assert outcome.cause is Cause.HUNG
    assert not outcome.path_fault


@pytest.mark.parametrize("kind", range(3))
async def test_full_backlog_is_hung_with_path_fault(
    prober: ProbeRunner, kind: int
) -> None:
    with full_backlog() as port:
        settings = over_http(f"http://127.0.0.1:{port}/")[kind]
        outcome = await prober.probe(settings, CONTAINER)
    assert outcome.cause is Cause.HUNG
    assert outcome.path_fault
    assert_silence(outcome, ReasonCode.NOT_ACCEPTED, port)


async def test_full_backlog_for_tcp_is_a_path_fault(prober: ProbeRunner) -> None:
    with full_backlog() as port:
        outcome = await prober.probe(TcpProbe("127.0.0.1", port, TIMEOUT_S), CONTAINER)
    assert (outcome.cause, outcome.path_fault) == (Cause.HUNG, True)


@pytest.mark.parametrize(
    "reply",
    [
        lambda connection: connection.reset(),
        lambda connection: connection.send(b""),
        reply_with(b"HTTP/1.0 200 OK\r\nConte"),
        reply_with(response(b"x" * 20)[:-10]),
    ],
    ids=["reset", "closed", "closed in the head", "closed in the body"],
)
async def test_broken_connection_is_reset(
    prober: ProbeRunner, reply: Callable[[Connection], None]
) -> None:
    async with run_server(reply) as server:
        for settings in over_http(server.url):
            outcome = await prober.probe(settings, CONTAINER)
            assert outcome.cause is Cause.RESET, outcome
            assert not outcome.rpc_answers


async def test_reset_before_the_request_was_read(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        server.on_open = Connection.reset
        outcome = await prober.probe(wallet(server.url), CONTAINER)
    assert outcome.cause is Cause.RESET


async def test_unresolvable_name_is_detached(prober: ProbeRunner) -> None:
    settings: list[ProbeSettings] = [
        wallet(f"http://{UNRESOLVABLE}:7777/", timeout_s=20.0),
        TcpProbe(UNRESOLVABLE, 7777, 20.0),
    ]
    for each in settings:
        outcome = await prober.probe(each, CONTAINER)
        assert outcome.cause is Cause.DETACHED
        assert outcome.path_fault
        assert (
            str(outcome.reason) == f"the name of {UNRESOLVABLE}:7777 does not resolve"
        )


class MuteNameServer(ThreadResolver):
    async def resolve(  # type: ignore[explicit-override]
        self, *_: Any, **__: Any
    ) -> Any:
        await asyncio.sleep(60)


async def test_silent_name_server_is_detached() -> None:
    client = HttpClient(MuteNameServer())
    deadline = asyncio.get_running_loop().time() + TIMEOUT_S
    with pytest.raises(ProbeFailed) as caught:
        await client.exchange(Request("GET", "http://wallet:7777/"), deadline)
    assert caught.value.outcome.cause is Cause.DETACHED
    assert caught.value.outcome.path_fault


async def test_every_probe_asks_for_the_name_again() -> None:
    asked: list[str] = []

    class Counting(ThreadResolver):
        async def resolve(  # type: ignore[explicit-override]
            self, host: str, *rest: Any, **more: Any
        ) -> Any:
            asked.append(host)
            return await super().resolve(host, *rest, **more)

    client = HttpClient(Counting())
    async with run_server(reply_with(response(b"{}"))) as server:
        for _ in range(3):
            deadline = asyncio.get_running_loop().time() + 5
            url = f"http://localhost:{server.port}/"
            await client.exchange(Request("GET", url), deadline)
    assert asked == ["localhost"] * 3


STATUSES = [
    ("401 Unauthorized", Cause.AUTH),
    ("403 Forbidden", Cause.AUTH),
    ("400 Bad Request", Cause.MISCONFIGURED),
    ("404 Not Found", Cause.MISCONFIGURED),
    ("405 Method Not Allowed", Cause.MISCONFIGURED),
    ("411 Length Required", Cause.MISCONFIGURED),
    ("301 Moved Permanently", Cause.MISCONFIGURED),
    ("202 Accepted", Cause.MISCONFIGURED),
    ("501 Unsupported method", Cause.MISCONFIGURED),
    ("500 Internal Server Error", Cause.HTTP_5XX),
    ("503 Service Unavailable", Cause.HTTP_5XX),
    ("599 Odd", Cause.HTTP_5XX),
]


@pytest.mark.parametrize(("status", "cause"), STATUSES)
async def test_http_status_decides_the_cause(
    prober: ProbeRunner, status: str, cause: Cause
) -> None:
    page = response(b"<html>no</html>", status, "text/html")
    async with run_server(reply_with(page)) as server:
        for settings in over_http(server.url):
            outcome = await prober.probe(settings, CONTAINER)
            assert outcome.cause is cause, outcome
            assert str(outcome.reason).startswith(status[:3])
            assert outcome.rpc_answers is (cause is Cause.HTTP_5XX)


async def test_redirects_are_not_followed(prober: ProbeRunner) -> None:
    async with run_server(reply_with(response(b"there"))) as elsewhere:
        moved = f"HTTP/1.0 302 Found\r\nLocation: {elsewhere.url}\r\n\r\n".encode()
        async with run_server(reply_with(moved)) as server:
            outcome = await prober.probe(HttpProbe(server.url), CONTAINER)
    assert outcome.cause is Cause.MISCONFIGURED
    assert elsewhere.all == []


async def test_electrum_answer_to_an_unknown_method_is_misconfigured(
    prober: ProbeRunner,
) -> None:
    page = response(b"Invalid Request", "500 Internal Server Error", "text/plain")
    outcome = await probe_reply(prober, reply_with(page))
    assert outcome.cause is Cause.MISCONFIGURED
    assert str(outcome.reason) == "500: it does not know the method ping"


async def test_error_with_a_status_keeps_the_text_of_the_server(
    prober: ProbeRunner,
) -> None:
    reply = reply_with(
        rpc_error(-28, "Loading block index", "500 Internal Server Error")
    )
    outcome = await probe_reply(prober, reply)
    assert (outcome.cause, str(outcome.reason)) == (
        Cause.HTTP_5XX,
        "500: Loading block index",
    )


DEEP = b"[" * 50_000 + b"]" * 10_000


@pytest.mark.parametrize(
    "answer",
    [
        response(b"<html>hello</html>", content_type="text/html"),
        response(b"no json at all"),
        response(b""),
        response(b"\xff\xfe"),
        response(b"[1, 2]"),
        response(b'{"id": 1, "jsonrpc": "2.0"}'),
        response(b'{"result": true, "error": 7}'),
        response(b'{"result": ' + DEEP + b"}"),
        result("not a truth value"),
    ],
    ids=[
        "html",
        "no json",
        "empty",
        "no text",
        "a list",
        "neither result nor error",
        "an odd error",
        "too deep",
        "another type",
    ],
)
async def test_malformed_body_is_bad_body(prober: ProbeRunner, answer: bytes) -> None:
    outcome = await probe_reply(prober, reply_with(answer), timeout_s=5.0)
    assert outcome.cause is Cause.BAD_BODY, outcome
    assert outcome.rpc_answers
    assert str(outcome.reason).startswith("ping answered ")
    assert len(str(outcome.reason)) <= 300


async def test_jsonrpc_accepts_any_result_but_needs_one(
    prober: ProbeRunner,
) -> None:
    for body, cause in (
        (b'{"result": null, "error": null, "id": 1}', None),
        (b'{"id": 1, "jsonrpc": "2.0"}', Cause.BAD_BODY),
    ):
        async with run_server(reply_with(response(body))) as server:
            settings = JsonRpcProbe(server.url, "uptime", 5.0)
            assert (await prober.probe(settings, CONTAINER)).cause is cause


async def test_answer_other_than_http_is_bad_body(prober: ProbeRunner) -> None:
    async with run_server(reply_with(b"220 mail ready\r\n\r\n")) as server:
        for settings in over_http(server.url):
            outcome = await prober.probe(settings, CONTAINER)
            assert outcome.cause is Cause.BAD_BODY, outcome


async def test_tls_to_a_plain_server_is_misconfigured(prober: ProbeRunner) -> None:
    def talks_plainly(connection: Connection) -> None:
        connection.send(b"HTTP/1.0 400 Bad request\r\n\r\n")

    async with run_server(never_reply) as server:
        server.on_open = talks_plainly
        url = f"https://127.0.0.1:{server.port}/"
        outcome = await prober.probe(HttpProbe(url), CONTAINER)
    assert outcome.cause is Cause.MISCONFIGURED


async def test_credentials_come_with_the_first_request(prober: ProbeRunner) -> None:
    async with run_server(reply_by_method(HEALTHY)) as server:
        settings = wallet(server.url, credentials=Credentials("bchrpc", "pässwort:1"))
        outcome = await prober.probe(settings, CONTAINER)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert all(
        b"Authorization: Basic YmNocnBjOnDDpHNzd29ydDox\r\n" in connection.request
        for connection in server.all
    )


async def test_reason_has_no_secret(prober: ProbeRunner) -> None:
    secret = "hunter2"
    for reply in (
        reply_with(response(b"", "401 No")),
        never_reply,
        reply_with(b"x\r\n\r\n"),
    ):
        outcome = await probe_reply(
            prober, reply, credentials=Credentials("bchrpc", secret)
        )
        assert outcome.verdict is ProbeVerdict.FAILURE
        assert secret not in repr(outcome)


async def test_request_is_one_piece_without_cookies(
    prober: ProbeRunner,
) -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n" + result(True)[17:]
    async with run_server(reply_with(cookie)) as server:
        # A cookie jar keeps none for bare addresses.
        url = server.url.replace("127.0.0.1", "localhost")
        for _ in range(10):
            await prober.probe(JsonRpcProbe(url, "ping"), CONTAINER)
    assert len(server.all) == 10
    for connection in server.all:
        assert len(connection.chunks) == 1
        assert b"Content-Length:" in connection.request
        assert b"Connection: close\r\n" in connection.request
        assert b"Cookie" not in connection.request
        assert b"Transfer-Encoding" not in connection.request


async def test_no_proxy_from_the_environment(
    prober: ProbeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        run_server(reply_by_method(HEALTHY)) as server,
        run_server(never_reply) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        outcome = await prober.probe(wallet(server.url), CONTAINER)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert proxy.all == []


async def test_the_connection_is_closed_though_the_server_keeps_it(
    prober: ProbeRunner,
) -> None:
    keep_alive_answer = (
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n" + result(True)[17:]
    )
    async with run_server(lambda c: c.send(keep_alive_answer, close=False)) as server:
        await prober.probe(JsonRpcProbe(server.url, "ping", 5.0), CONTAINER)
        await wait_until_closed(server)


async def test_connection_is_closed_after_the_timeout(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        await prober.probe(HttpProbe(server.url, 0.3), CONTAINER)
        await wait_until_closed(server)


async def wait_until_closed(server: Server) -> None:
    async with asyncio.timeout(20.0):
        for connection in server.all:
            await connection.closed_by_peer.wait()
