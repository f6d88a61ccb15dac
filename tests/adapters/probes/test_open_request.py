"""The request that is kept open: whose answer is waited for, and what is one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from sidecar.clock import SystemClock
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Endpoint, RunId
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.ports.engine import Engine
from sidecar.core.status.network_reach import find_surroundings
from sidecar.probes.failure import ProbeFailed
from sidecar.probes.http_client.client import HttpClient
from sidecar.probes.http_client.resolver import ThreadResolver
from sidecar.probes.jsonrpc_client import RpcClient
from sidecar.probes.jsonrpc_client import RpcEndpoint as Called
from sidecar.probes.prober import ProbeRunner
from tests.support.rule_world import container

TIMEOUT_S = 0.3
LATE_S = 0.6
RESULTS = {
    "ping": True,
    "getbalance": {"confirmed": "1"},
    "listaddresses": ["a"],
    "getinfo": {
        "connected": True,
        "server_height": 5,
        "blockchain_height": 5,
        "wallets": {"/w": True},
    },
}


class Daemon:
    """Answers what ``answers`` says, in this order, each after ``LATE_S``; then
    nothing. None: each call well and at once.
    """

    def __init__(self, answers: list[bytes] | None) -> None:
        self._answers = answers
        self.left = asyncio.Event()
        """A client has gone that was not answered."""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            writer.write(await self._answer(reader))
            await writer.drain()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        if self._answers is None:
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(size))
            result = {"id": 1, "result": RESULTS[asked["method"]]}
            return answer(200, "application/json", json.dumps(result).encode())
        if self._answers:
            found = self._answers.pop()
            await asyncio.sleep(LATE_S)
            return found
        await reader.read()
        self.left.set()
        return b""


def answer(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def served(daemon: Daemon, host: str, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(daemon.serve, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Inspecting:
    """An engine that knows one container."""

    def __init__(self, seen: Container) -> None:
        self.seen = seen

    async def inspect(self, _: str) -> Container:
        return self.seen


def at(address: str) -> Container:
    endpoint = Endpoint("demo_default", addresses=(address,))
    return container(
        "electron-cash", endpoints=(endpoint,), network_mode="demo_default"
    )


@asynccontextmanager
async def probing(engine: Inspecting) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(cast("Engine", engine), SystemClock())
    probes.set_surroundings(find_surroundings(None, (engine.seen,)))
    try:
        yield probes
    finally:
        await probes.close()


def settings_for(port: int) -> ElectronCashProbe:
    return ElectronCashProbe(f"http://electron-cash:{port}/", timeout_s=TIMEOUT_S)


async def test_a_request_to_an_address_that_the_container_left_is_not_waited_for() -> (
    None
):
    engine = Inspecting(at("127.0.0.1"))
    async with (
        served(Daemon([]), "127.0.0.1") as port,
        served(Daemon(None), "127.0.0.2", port),
        probing(engine) as probes,
    ):
        silent = await probes.probe(settings_for(port), engine.seen)
        assert silent.cause is Cause.HUNG
        engine.seen = at("127.0.0.2")
        probes.set_surroundings(find_surroundings(None, (engine.seen,)))
        well = await probes.probe(settings_for(port), engine.seen)
        assert well.verdict is ProbeVerdict.SUCCESS
        control = probes.wallet_control
        assert await control.answers(settings_for(port), engine.seen, TIMEOUT_S)


@pytest.mark.parametrize("method", ["late", "ping"])
@pytest.mark.parametrize(
    "odd",
    [
        answer(500, "text/plain", b"Internal Server Error"),
        answer(401, "text/plain", b""),
        answer(200, "text/html", b"<p>"),
    ],
    ids=["500", "401", "html"],
)
async def test_any_answer_however_late_calls_a_restart_off(
    odd: bytes, method: str
) -> None:
    engine = Inspecting(at("127.0.0.1"))
    async with (
        served(Daemon([odd]), "127.0.0.1") as port,
        probing(engine) as probes,
    ):
        if method == "late":
            silent = await probes.probe(settings_for(port), engine.seen)
            assert silent.cause is Cause.HUNG
        control = probes.wallet_control
        assert await control.answers(settings_for(port), engine.seen, 2.0)


async def test_the_request_to_a_container_that_is_no_more_is_left() -> None:
    silent, resolver = Daemon([]), ThreadResolver()
    rpc = RpcClient(HttpClient(resolver), longest_open_s=0.1)
    async with served(silent, "127.0.0.1") as port:
        url = f"http://127.0.0.1:{port}/"
        for container_id in ("replaced", "successor"):
            called = Called(url, None, RunId(container_id, 1.0), container_id)
            with pytest.raises(ProbeFailed):
                await rpc.call(called, "ping", soon(0.05))
            await asyncio.sleep(0.3)
        async with asyncio.timeout(5.0):
            await silent.left.wait()
        rpc.close()
    await resolver.close()


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
