"""The page's snapshot: as a stream of its changes, and once."""

import asyncio

from aiohttp import hdrs, web

from sidecar.core.model.page_access import PageAccess
from sidecar.web.event_stream import HEARTBEAT, STREAM_BEGIN, STREAM_HEADERS
from sidecar.web.listener_pool import ListenerPool
from sidecar.web.page_feed import RenderedPage, SharedPage
from sidecar.web.page_services import PageServices, if_page_is_on
from sidecar.web.query import parse_query
from sidecar.web.response import RequestRefused
from sidecar.web.session import Viewer
from sidecar.web.streaming import write_in_pieces

PIECE_BYTES = 16 * 1024
"""A listener who does not read holds at most this much beyond the socket's buffers."""


class PageRoutes:
    """GET /page/stream and /page/state.json."""

    def __init__(
        self,
        page: PageServices,
        visitors: ListenerPool,
        operators: ListenerPool,
        heartbeat_s: float,
    ) -> None:
        self._page = page
        self._visitors = visitors
        self._operators = operators
        self._heartbeat_s = heartbeat_s

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/page/state.json", if_page_is_on(self._page, self._state)),
            web.get("/page/stream", if_page_is_on(self._page, self._stream)),
        ]

    async def _state(self, request: web.Request) -> web.Response:
        viewer = self._page.sessions.viewer_of(request)
        page = await self._shared_page(request, viewer).current()
        return web.Response(
            body=page.body,
            content_type="application/json",
            charset="utf-8",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=STREAM_HEADERS)
        viewer = self._page.sessions.viewer_of(request)
        shared_page = self._shared_page(request, viewer)
        pool = self._operators if viewer.is_operator else self._visitors
        with pool.join(request):
            page = await shared_page.current()
            return await self._send_changes(request, viewer, shared_page, page)

    def _shared_page(self, request: web.Request, viewer: Viewer) -> SharedPage:
        parse_query(request, lang="")
        language = self._page.language_of(request)
        return self._page.feed.page(language, is_operator=viewer.is_operator)

    async def _send_changes(
        self,
        request: web.Request,
        viewer: Viewer,
        shared_page: SharedPage,
        page: RenderedPage,
    ) -> web.StreamResponse:
        """Send each new snapshot until the client leaves or the session ends."""
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(request)
        await response.write(STREAM_BEGIN)
        chunk: bytes | None = page.event
        while chunk is not None and await write_in_pieces(
            request, response, chunk, PIECE_BYTES
        ):
            newer = await self._next_page(shared_page, page)
            chunk = self._chunk_of(request, viewer, newer, page)
            page = newer or page
        return response

    async def _next_page(
        self, shared_page: SharedPage, page: RenderedPage
    ) -> RenderedPage | None:
        """The next snapshot; ``page`` itself after the heartbeat's time without one.

        None: it cannot be rendered.
        """
        until_s = asyncio.get_running_loop().time() + self._heartbeat_s
        newer = page
        while newer.number == page.number:
            try:
                async with asyncio.timeout_at(until_s):
                    await shared_page.wait_until_stale()
            except TimeoutError:
                break
            try:
                newer = await shared_page.current()
            except RequestRefused:
                return None
        return newer

    def _chunk_of(
        self,
        request: web.Request,
        viewer: Viewer,
        newer: RenderedPage | None,
        page: RenderedPage,
    ) -> bytes | None:
        """The bytes to send next; None: the stream ends."""
        is_on = self._page.access() is not PageAccess.OFF
        if newer is None or not is_on or self._has_other_viewer(request, viewer):
            return None
        is_same = newer.number == page.number
        return HEARTBEAT if is_same else newer.event_after(page.number)

    def _has_other_viewer(self, request: web.Request, viewer: Viewer) -> bool:
        """Has the session ended since the stream began?"""
        return self._page.sessions.viewer_of(request) != viewer
