"""The server answers any request without an internal error, and goes on."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.text.printable import printable
from sidecar.web.server import WebServer
from tests.fuzz.inputs import ANY_TEXT, JSON, to_json_bytes
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.public_server import public_server

METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "G\x01T", "PRI"]
)
NAMES = st.sampled_from(
    ["electron-cash", "bitcoincash-service", "none", "%2e%2e", "a%00b", "%ed%a0%80"]
)
PATHS = st.sampled_from(
    [
        "/",
        "/livez",
        "/readyz",
        "/healthz",
        "/healthz/{}",
        "/healthz/{}/{}",
        "/metrics",
        "/api/v1/status",
        "/api/v1/schedule",
        "/api/v1/history",
        "/api/v1/remedies",
        "/api/v1/incidents",
        "/api/v1/incidents/{}",
        "/api/v1/incidents/{}/postmortem",
        "/api/v1/incidents/{}/ack",
        "/api/v1/report",
        "/api/v1/notify/{}/test",
        "/api/v1/targets/{}/restart",
        "/api/v1/targets/{}/pause",
        "/api/v1/targets/{}/recover",
        "/api/v1/targets/{}/schedule/skip",
        "/api/v1/targets/{}/evidence",
        "/api/v1/pause",
        "/ack/{}",
        "/feed.atom",
        "/badge/{}/state.svg",
        "/badge/{}/availability/{}.svg",
        "/badge/{}/availability/30d.svg",
        "/api/v2/summary.json",
        "/openapi.json",
        "/{}",
    ]
)
QUERIES = st.lists(
    st.sampled_from(
        [
            *(
                "since=7d",
                "since=-1",
                "since=1e9d",
                "since=%ff",
                "count=0",
                "count=99999",
            ),
            *(
                "open=1",
                "open=%00",
                "target=x",
                "t=abc",
                "period=90d",
                "token=x",
                "&",
                "=",
                ";",
            ),
        ]
    ),
    max_size=3,
).map("&".join)
HEADERS = st.lists(
    st.sampled_from(
        [
            f"Authorization: Bearer {TOKEN}",
            "Authorization: Bearer \u00ff",
            "Authorization: Basic",
            "Accept: */*;q=x",
            'If-None-Match: "x", W/"y", *',
            "Accept: application/openmetrics-text; version=0.0.0",
            "Content-Type: text/plain",
            "Content-Encoding: gzip",
            "Content-Encoding: br",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Content-Length: 7",
            "Host:",
            "Cookie: " + "x" * 5000,
        ]
    ),
    max_size=3,
)
BODIES = (
    st.just(b"")
    | st.binary(max_size=100)
    | JSON.map(to_json_bytes)
    | st.sampled_from(
        [b'{"for":"1h"}', b'{"now":true}', b'{"for":"' + b"9" * 20 + b'"}']
    )
)


def request(
    method: str, path: str, names: list[str], query: str, rest: tuple[list[str], bytes]
) -> bytes:
    headers, body = rest
    target = path.format(*names) + (f"?{query}" if query else "")
    sized = any(line.startswith(("Content-L", "Transfer")) for line in headers)
    length = [] if sized else [f"Content-Length: {len(body)}"]
    head = [f"{method} {target} HTTP/1.1", "Connection: close", *headers, *length]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


REQUESTS = st.builds(
    request,
    METHODS,
    PATHS,
    st.lists(NAMES, min_size=2, max_size=2),
    QUERIES,
    st.tuples(HEADERS, BODIES),
) | st.binary(max_size=200)


UNFINISHED_S = 0.2
"""After that a request that has no end is broken off."""


class FuzzServer:
    """One server for all examples of a test."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._server = self._runner.run(self._open())

    async def _open(self) -> WebServer:
        server = public_server(ApiServiceFakes())
        await server.start()
        return server

    def send(self, raw: bytes) -> bytes:
        return self._runner.run(self._send(raw))

    async def _send(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        try:
            async with asyncio.timeout(10.0):
                writer.write(raw)
                reading = asyncio.ensure_future(reader.read())
                await asyncio.wait({reading}, timeout=UNFINISHED_S)
                writer.write_eof()
                return await reading
        except ConnectionError:
            return b""
        finally:
            writer.close()

    def close(self) -> None:
        self._runner.run(self._server.stop())
        self._runner.close()


@pytest.fixture
def fuzz_server() -> Iterator[FuzzServer]:
    fuzz_server = FuzzServer()
    yield fuzz_server
    fuzz_server.close()


def test_server_answers_any_request_without_status_500(fuzz_server: FuzzServer) -> None:
    @given(REQUESTS)
    def check_example(raw: bytes) -> None:
        answer = fuzz_server.send(raw)
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.split(b" ")[1:2]
        assert status != [b"500"], answer
        if b"application/json" in head and body:
            text = json.dumps(json.loads(body), ensure_ascii=False)
            assert printable(text) == text
        assert fuzz_server.send(b"GET /livez HTTP/1.0\r\n\r\n").startswith(
            b"HTTP/1.0 200"
        )

    check_example()


def test_server_answers_any_name_in_a_path_without_status_500(
    fuzz_server: FuzzServer,
) -> None:
    @given(ANY_TEXT, st.sampled_from(["/healthz/", "/api/v1/incidents/", "/ack/"]))
    def check_example(name: str, path: str) -> None:
        coded = "".join(f"%{b:02x}" for b in name.encode("utf-8", "surrogatepass"))
        answer = fuzz_server.send(f"GET {path}{coded} HTTP/1.0\r\n\r\n".encode())
        assert b" 500 " not in answer.split(b"\r\n")[0], answer

    check_example()
