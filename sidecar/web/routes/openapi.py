"""The description of the API, made when it is first asked for."""

import asyncio

import msgspec
from aiohttp import web

from sidecar.web.response import cacheable_response
from sidecar.web.services import ApiServices

_KEPT_S = 3600


class OpenApiRoutes:
    """GET /openapi.json."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._one_document = asyncio.Lock()
        self._document = b""

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [web.get("/openapi.json", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        async with self._one_document:
            if not self._document:
                self._document = await asyncio.to_thread(self._write)
        return cacheable_response(request, self._document, "application/json", _KEPT_S)

    def _write(self) -> bytes:
        from sidecar.web.openapi.document import build_document  # noqa: PLC0415 - rare

        return msgspec.json.encode(build_document(self._services.version))
