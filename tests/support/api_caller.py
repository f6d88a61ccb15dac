"""A client of a real HTTP server with the services of tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from sidecar.web.connection_limits import Limits
from sidecar.web.server import WebServer
from sidecar.web.services import ApiServices
from tests.support.api_services import TOKEN, ApiServiceFakes

HEARTBEAT_S = 0.2
DEADLINE = aiohttp.ClientTimeout(total=60)
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


class Caller:
    """A client of one server."""

    def __init__(self, fakes: ApiServiceFakes, server: WebServer) -> None:
        self.fakes = fakes
        self.server = server
        self.http = aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}", timeout=DEADLINE
        )

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(path, headers=headers) as response:
            return response.status, await response.json()

    async def post(
        self, path: str, body: object = None, token: str | None = TOKEN
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        async with self.http.post(path, data=data, headers=headers) as response:
            return response.status, await response.json()

    async def order(self, target: str, action: str, body: object = None) -> int:
        status, _ = await self.post(f"/api/v1/targets/{target}/{action}", body)
        return status


async def run_server(
    fakes: ApiServiceFakes,
    desk: ApiServices | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> AsyncIterator[Caller]:
    limits = Limits(heartbeat_s=heartbeat_s)
    server = WebServer(desk or fakes.desk, "127.0.0.1", 0, limits=limits)
    await server.start()
    caller = Caller(fakes, server)
    yield caller
    await caller.http.close()
    async with asyncio.timeout(60):
        await server.stop()
