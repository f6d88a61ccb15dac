"""The status page, the pages of incidents, and their static files."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from loguru import logger

from sidecar.web.incident_reader import IncidentReader
from sidecar.web.page_services import PageServices, has_sign_in_link, if_page_is_on
from sidecar.web.refusal_page import with_refusal_page
from sidecar.web.response import HTML_HEADERS, RequestRefused, html_response
from sidecar.web.services import ApiServices
from sidecar.web.streaming import write_chunk
from sidecar.web.views.index import index_text

if TYPE_CHECKING:
    from sidecar.web.page.document import PageDocument

_HTML = {"Content-Type": "text/html; charset=utf-8", "Vary": "Accept", **HTML_HEADERS}
LONGEST_SEARCH = 100
_FOR_EVER = "public, max-age=31536000, immutable"


class StatusPageRoutes:
    """GET / /incidents/ID /static/FILE."""

    def __init__(self, services: ApiServices, page: PageServices) -> None:
        self._services = services
        self._page = page
        self._incidents = IncidentReader(services)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these pages."""
        incident_page = with_refusal_page(self._page, self._incident_page)
        return [
            web.get("/", self._root),
            web.get("/incidents/{id}", if_page_is_on(self._page, incident_page)),
            web.get("/static/{name}", if_page_is_on(self._page, self._static)),
        ]

    async def _root(self, request: web.Request) -> web.StreamResponse:
        """The page for browsers; for others the list of paths, also without a page."""
        if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            return await if_page_is_on(self._page, self._status_page)(request)
        text = index_text(self._services.version)
        return web.Response(text=text, headers={"Vary": "Accept"})

    async def _status_page(self, request: web.Request) -> web.StreamResponse:
        document = await self._document(request)
        response = web.StreamResponse(headers=_HTML)
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            search = request.query.get("name", "").strip()[:LONGEST_SEARCH]
            await _send(request, response, document.status_page(search))
        return response

    async def _incident_page(self, request: web.Request) -> web.Response:
        document = await self._document(request)
        incident_id = request.match_info["id"]
        if document.viewer.is_operator:
            review = await self._incidents.review(incident_id, may_see=True)
        else:
            review = await self._incidents.public_review(incident_id)
        return html_response(await document.incident_page(review))

    async def _document(self, request: web.Request) -> "PageDocument":
        return await self._page.loader.document(
            self._page.language_of(request),
            self._page.sessions.viewer_of(request),
            may_sign_in=has_sign_in_link(self._page, self._services.token),
        )

    async def _static(self, request: web.Request) -> web.Response:
        templates = await self._page.loader.templates()
        file = templates.files.get(request.match_info["name"])
        if file is None:
            raise RequestRefused(404, f"there is nothing at {request.path[:80]}")
        is_current = request.query.get("v") == templates.version
        return web.Response(
            body=file.body,
            content_type=file.content_type,
            charset="utf-8",
            headers={
                hdrs.CACHE_CONTROL: _FOR_EVER if is_current else "no-cache",
                "X-Content-Type-Options": "nosniff",
            },
        )


async def _send(
    request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[str]
) -> None:
    """Send each piece as it is made.

    Where a piece cannot be made the connection is cut off, so that nobody takes the
    pieces before it for the whole page.
    """
    try:
        async for piece in pieces:
            if not await write_chunk(request, response, piece.encode()):
                return
    except (ConnectionError, TimeoutError):
        raise
    except Exception:  # noqa: BLE001 - the head was sent already
        logger.exception("the page was broken off: {}", request.path)
        if request.transport is not None:
            request.transport.abort()
