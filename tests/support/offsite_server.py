"""A place for backups, as a WebDAV server or a pre-signed URL is one."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

USERNAME, PASSWORD = "backup", "a password of the off-site place"


class OffsiteServer:
    """Keeps what is PUT; the attributes make it differ from a good place.

    ``put_status`` and ``get_status`` are answered instead of 201 and 200. ``spoil``
    changes what is kept. ``is_endless``: a GET never ends. ``is_silent``: nothing is
    answered. ``tokens``: the query that each method must carry, as a signature.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.put_status = self.get_status = 0
        self.spoil = b""
        self.is_endless = self.is_silent = self.needs_login = False
        self.tokens: dict[str, str] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        if self.is_silent:
            await asyncio.Event().wait()
        refusal = self._refuse(request)
        if refusal:
            return web.Response(status=refusal)
        if request.method == "PUT":
            self.kept[request.path] = await request.read() + self.spoil
            return web.Response(status=self.put_status or 201)
        if self.is_endless:
            return await send_endless_body(request)
        if self.get_status:
            return web.Response(status=self.get_status)
        return web.Response(body=self.kept[request.path])

    def _refuse(self, request: web.Request) -> int:
        login = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        expected = f"Basic {login}"
        if self.needs_login and request.headers.get("Authorization") != expected:
            return 401
        token = self.tokens.get(request.method, request.query_string)
        return 0 if token == request.query_string else 403


async def send_endless_body(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b"x" * 65536)


@asynccontextmanager
async def run_offsite_server() -> AsyncIterator[OffsiteServer]:
    place = OffsiteServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", place.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    place.url = f"http://{host}:{port}"
    try:
        yield place
    finally:
        await runner.cleanup()
