"""The request that is kept open: its container, and the answers that count."""

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

pytestmark = pytest.mark.usefixtures("steady_time")

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
    """Gives the ``answers``, the last first, each after ``LATE_S``; then is
    silent. None: answers each call with success and at once.
    """

    def __init__(self, answers: list[bytes] | None) -> None:
        self._answers = answers
        self.abandoned = asyncio.Event()
        """Set when a client leaves without an answer."""

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
            request = json.loads(await reader.readexactly(size))
            result = {"id": 1, "result": RESULTS[request["method"]]}
            return answer(200, "application/json", json.dumps(result).encode())
        if self._answers:
            reply = self._answers.pop()
            await asyncio.sleep(LATE_S)
            return reply
        await reader.read()
        self.abandoned.set()
        return b""


def answer(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def serve_daemon(daemon: Daemon, host: str, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(daemon.serve, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class OneContainerEngine:
    """An engine that knows one container."""

    def __init__(self, container: Container) -> None:
        self.container = container

    async def inspect(self, _: str) -> Container:
        return self.container


def container_at(address: str) -> Container:
    endpoint = Endpoint("demo_default", addresses=(address,))
    return container(
        "electron-cash", endpoints=(endpoint,), network_mode="demo_default"
    )


@asynccontextmanager
async def open_prober(engine: OneContainerEngine) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(cast("Engine", engine), SystemClock())
    probes.set_surroundings(find_surroundings(None, (engine.container,)))
    try:
        yield probes
    finally:
        await probes.close()


def settings_for(port: int) -> ElectronCashProbe:
    return ElectronCashProbe(f"http://electron-cash:{port}/", timeout_s=TIMEOUT_S)


async def test_request_to_a_former_address_is_not_waited_for() -> None:
    engine = OneContainerEngine(container_at("127.0.0.1"))
    async with (
        serve_daemon(Daemon([]), "127.0.0.1") as port,
        serve_daemon(Daemon(None), "127.0.0.2", port),
        open_prober(engine) as probes,
    ):
        silent = await probes.probe(settings_for(port), engine.container)
        assert silent.cause is Cause.HUNG
        engine.container = container_at("127.0.0.2")
        probes.set_surroundings(find_surroundings(None, (engine.container,)))
        well = await probes.probe(settings_for(port), engine.container)
        assert well.verdict is ProbeVerdict.SUCCESS
        control = probes.wallet_control
        assert await control.answers(settings_for(port), engine.container, TIMEOUT_S)


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
async def test_any_late_answer_is_a_sign_of_life(odd: bytes, method: str) -> None:
    engine = OneContainerEngine(container_at("127.0.0.1"))
    async with (
        serve_daemon(Daemon([odd]), "127.0.0.1") as port,
        open_prober(engine) as probes,
    ):
        if method == "late":
            silent = await probes.probe(settings_for(port), engine.container)
            assert silent.cause is Cause.HUNG
        control = probes.wallet_control
        assert await control.answers(settings_for(port), engine.container, 2.0)


async def test_request_to_a_removed_container_is_dropped() -> None:
    silent, resolver = Daemon([]), ThreadResolver()
    rpc = RpcClient(HttpClient(resolver), longest_open_s=0.4)
    async with serve_daemon(silent, "127.0.0.1") as port:
        url = f"http://127.0.0.1:{port}/"
        replaced, successor = (
            Called(url, None, RunId(container_id, 1.0), container_id)
            for container_id in ("replaced", "successor")
        )
        with pytest.raises(ProbeFailed):
            await rpc.call(replaced, "ping", soon(0.2))
        await asyncio.sleep(0.7)
        assert not silent.abandoned.is_set(), "it is dropped at a later call"
        with pytest.raises(ProbeFailed):
            await rpc.call(successor, "ping", soon(0.2))
        async with asyncio.timeout(20.0):
            await silent.abandoned.wait()
        rpc.close()
    await resolver.close()


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
