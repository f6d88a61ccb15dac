"""The route to the log of a target's container, for authorised requests only."""

from aiohttp import hdrs, web

from sidecar.web.auth import require_authorisation
from sidecar.web.log_answer import HEADERS
from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices

PATH = "/api/v1/logs/"
MAX_READERS = 4
"""Half of the engine's calls at once: remedies need the others."""


class LogRoutes:
    """GET /api/v1/logs/TARGET."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._readers = 0

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        handler = require_authorisation(self._services.token, self._logs)
        return [web.get(f"{PATH}{{target}}", handler)]

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=HEADERS)
        if self._readers >= MAX_READERS:
            raise RequestRefused(503, f"{MAX_READERS} readers of logs are connected")
        # Most sidecars are never asked for a log: its code would only take memory.
        from sidecar.web.log_stream import LogStream  # noqa: PLC0415

        self._readers += 1
        try:
            return await LogStream(self._services).answer(request)
        finally:
            self._readers -= 1
