"""The API's drills: an order, its progress, its end, and those on record."""

from typing import TYPE_CHECKING

from aiohttp import web

from sidecar.web import late_modules
from sidecar.web.auth import require_authorisation
from sidecar.web.services import ApiServices

if TYPE_CHECKING:
    from sidecar.web.drill_answers import DrillAnswers


class DrillRoutes:
    """POST /api/v1/targets/TARGET/drill, GET /api/v1/drills, /api/v1/drills/ID."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        token = self._services.token
        order = require_authorisation(token, self._order)
        cancel = require_authorisation(token, self._cancel)
        return [
            web.post("/api/v1/targets/{target}/drill", order),
            web.get("/api/v1/drills", self._list),
            web.get("/api/v1/drills/{drill}", self._one),
            web.post("/api/v1/drills/{drill}/cancel", cancel),
        ]

    async def _answers(self) -> "DrillAnswers":
        await late_modules.load(late_modules.DRILL_ANSWERS)
        from sidecar.web.drill_answers import DrillAnswers  # noqa: PLC0415 - loaded late

        return DrillAnswers(self._services)

    async def _order(self, request: web.Request) -> web.Response:
        return await (await self._answers()).order(request)

    async def _cancel(self, request: web.Request) -> web.Response:
        return await (await self._answers()).cancel(request)

    async def _one(self, request: web.Request) -> web.Response:
        return await (await self._answers()).one(request)

    async def _list(self, request: web.Request) -> web.Response:
        return await (await self._answers()).list(request)
