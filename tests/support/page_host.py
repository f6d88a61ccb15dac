"""The status page over a real socket, with the real rules behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp.test_utils import make_mocked_request

from sidecar.core.model.page_access import PageAccess
from sidecar.core.ports.page_texts import LanguageTexts
from sidecar.notify.incident_writer import IncidentWriter
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import read_page_catalog
from sidecar.telemetry.recent_probes import RecentProbes
from sidecar.web.connection_limits import Limits
from sidecar.web.page.loader import PageLoader
from sidecar.web.page.sources import PageSources
from sidecar.web.page_feed import PageFeed
from sidecar.web.page_services import make_page_services
from sidecar.web.server import WebServer
from sidecar.web.session import COOKIE, Viewer
from tests.support.api_services import ApiServiceFakes

ZONE = "Asia/Seoul"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OPERATOR = Viewer(is_operator=True, csrf_token="a-csrf-token")
VISITOR = Viewer()


def read_test_texts(language: str) -> LanguageTexts:
    """The real texts of a language, in the zone of Seoul."""
    words, zone = read_page_catalog(language), ZoneInfo(ZONE)
    place = Installation("oratio", "pay-1", "oratio-sidecar-1")
    return LanguageTexts(words, IncidentWriter(words, zone, place), zone)


def make_loader(
    fakes: ApiServiceFakes, recent: RecentProbes | None = None
) -> PageLoader:
    """The page, with the real texts."""
    probes = recent if recent is not None else RecentProbes()
    return PageLoader(fakes.desk, PageSources(read_test_texts, probes.probes_of))


class PageHost:
    """Serves the page of a world; an operator is signed in with ``cookie``."""

    def __init__(self, fakes: ApiServiceFakes, limits: Limits = Limits()) -> None:  # noqa: B008 - a frozen value
        self.fakes = fakes
        self.language = "en"
        self.access = PageAccess.PRIVATE
        recent = RecentProbes()
        self.loader = make_loader(fakes, recent)
        self.feed = PageFeed(self.loader.snapshot, fakes.state, fakes)
        fakes.world.listeners = (*fakes.world.listeners, recent, self.feed)
        self.page = make_page_services(
            fakes,
            lambda: self.access,
            lambda: self.language,
            self.loader,
            self.feed,
        )
        self.cookie = self.page.sessions.open()
        self.is_operator = True
        self.server = WebServer(
            fakes.desk, "127.0.0.1", 0, page=self.page, limits=limits
        )
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def viewer(self) -> Viewer:
        """The operator, with the token of the session."""
        request = make_mocked_request("GET", "/", headers=self._cookies())
        return self.page.sessions.viewer_of(request)

    @property
    def listener_count(self) -> int:
        """Number of open streams."""
        return self.server._connection_limits.listening.count

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}"} if self.is_operator else {}

    async def get(self, path: str = "/", **headers: str) -> tuple[int, str]:
        """The status and the text of an answer, as a browser gets it."""
        async with (
            aiohttp.ClientSession(headers=BROWSER | self._cookies() | headers) as http,
            http.get(self.url.rstrip("/") + path) as response,
        ):
            return response.status, await response.text()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        await self.server.start()
        self.port = self.server.port
        try:
            yield
        finally:
            await self.server.stop()

    async def restart_server(self) -> None:
        """Serve at the same address again, after a ``stop``."""
        self.server = WebServer(self.fakes.desk, "127.0.0.1", self.port, page=self.page)
        await self.server.start()
