"""A server with a status page, and browsers that look at it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from http.cookies import Morsel
from typing import Any

import aiohttp
from aiohttp.test_utils import make_mocked_request

from sidecar.core.model.page_access import PageAccess
from sidecar.core.model.state import State
from sidecar.web.connection_limits import Limits
from sidecar.web.page_feed import PageFeed
from sidecar.web.page_services import PageServices, make_page_services
from sidecar.web.server import WebServer
from sidecar.web.session import COOKIE, Viewer
from sidecar.web.sign_in_limit import SignInLimit
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.page_host import make_loader

DEADLINE_S = 60.0

Content = Callable[[State, Viewer, str], Awaitable[Mapping[str, object]]]


class Browser:
    """A person with cookies. ``csrf`` is that of the person's session."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.csrf = ""

    @property
    def cookie(self) -> Morsel[str]:
        return next(c for c in self.http.cookie_jar if c.key == COOKIE)

    async def order(self, name: str, **fields: str) -> tuple[int, Any]:
        """Send an order as the page's script does; its status and JSON answer."""
        return await self.send(name, fields)

    async def send(
        self,
        name: str,
        fields: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        csrf: str | None = None,
    ) -> tuple[int, Any]:
        """Send an order with other headers, or another CSRF token."""
        token = self.csrf if csrf is None else csrf
        data = {**fields, "csrf": token} if token else fields
        accept = {"Accept": "application/json", **(headers or {})}
        path = f"/page/act/{name}"
        async with self.http.post(path, data=data, headers=accept) as response:
            return response.status, await response.json()

    async def state(self, language: str = "en") -> dict[str, Any]:
        path = f"/page/state.json?lang={language}"
        async with self.http.get(path) as response:
            assert response.status == 200
            snapshot: dict[str, Any] = await response.json()
            return snapshot


class PageServer:
    """A server; ``content`` makes the page, ``access`` is its setting."""

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
        content: Content | None = None,
        fakes: ApiServiceFakes | None = None,
        wait_s: float = 0.0,
    ) -> None:
        self.fakes = fakes or ApiServiceFakes()
        self.access = PageAccess.PRIVATE
        loader = make_loader(self.fakes)
        feed = PageFeed(content or loader.snapshot, self.fakes.state, self.fakes)
        self.page: PageServices = replace(
            make_page_services(
                self.fakes, lambda: self.access, lambda: "en", loader, feed
            ),
            sign_in_limit=SignInLimit(self.fakes, wait_s),
        )
        world = self.fakes.world
        world.listeners = (*world.listeners, feed)
        self.server = WebServer(
            self.fakes.desk, "127.0.0.1", 0, page=self.page, limits=limits
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @asynccontextmanager
    async def browser(self, **headers: str) -> AsyncIterator[Browser]:
        """A visitor."""
        async with aiohttp.ClientSession(
            self.url,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        ) as http:
            yield Browser(http)

    @asynccontextmanager
    async def operator(self, **headers: str) -> AsyncIterator[Browser]:
        """A person who is signed in."""
        async with self.browser(**headers) as browser:
            await self.sign_in(browser)
            yield browser

    async def sign_in(self, browser: Browser, token: str = TOKEN) -> int:
        data = {"token": token}
        async with browser.http.post(
            "/login", data=data, allow_redirects=False
        ) as response:
            status = response.status
        if status == 303:
            browser.csrf = self.viewer_of(browser).csrf_token
        return status

    def viewer_of(self, browser: Browser) -> Viewer:
        """The viewer for whom the server makes the browser's page."""
        cookie = f"{COOKIE}={browser.cookie.value}"
        request = make_mocked_request("GET", "/", headers={"Cookie": cookie})
        return self.page.sessions.viewer_of(request)


@asynccontextmanager
async def open_page_server(
    limits: Limits = Limits(),  # noqa: B008 - a frozen value
    content: Content | None = None,
    fakes: ApiServiceFakes | None = None,
    wait_s: float = 0.0,
) -> AsyncIterator[PageServer]:
    bench = PageServer(limits, content, fakes, wait_s)
    await bench.server.start()
    try:
        yield bench
    finally:
        async with asyncio.timeout(DEADLINE_S):
            await bench.server.stop()


class StreamReader:
    """The events of a stream of server-sent events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.last_id = ""

    async def message(self) -> dict[str, str]:
        """The next block of lines; comments have the key ``""``."""
        fields: dict[str, str] = {}
        while True:
            raw = await self._response.content.readuntil(b"\n")
            line = raw.decode().rstrip("\n")
            if not raw.endswith(b"\n"):
                raise EOFError
            if not line:
                return fields
            name, _, value = line.partition(": ")
            fields[name] = value
            self.last_id = fields.get("id", self.last_id)

    async def event(self) -> dict[str, Any]:
        """The data of the next event."""
        while True:
            fields = await self.message()
            if "data" in fields:
                data: dict[str, Any] = json.loads(fields["data"])
                return data
