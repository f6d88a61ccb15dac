"""The API's incidents: the list, one with its timeline, and its post-mortem."""

from typing import TYPE_CHECKING

from aiohttp import web

from sidecar.api_types.status import IncidentList
from sidecar.web import late_modules
from sidecar.web.auth import is_authorised
from sidecar.web.incident_reader import IncidentReader
from sidecar.web.query import parse_query, parse_switch
from sidecar.web.response import json_response
from sidecar.web.services import ApiServices
from sidecar.web.views import status

if TYPE_CHECKING:
    from sidecar.core.reporting.incident_review import IncidentReview


class IncidentRoutes:
    """GET /api/v1/incidents..."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._reader = IncidentReader(services)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        incident_path = "/api/v1/incidents/{id}"
        return [
            web.get("/api/v1/incidents", self._list),
            web.get(incident_path, self._one),
            web.get(f"{incident_path}/postmortem", self._postmortem),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = parse_query(request, open="0")
        open_only = parse_switch(query, "open", "for open incidents alone")
        incidents = await self._services.journal.incidents(open_only=open_only)
        return json_response(
            IncidentList(incidents=tuple(map(status.incident, incidents)))
        )

    async def _one(self, request: web.Request) -> web.Response:
        review = await self._review(request)
        await late_modules.load(late_modules.HISTORY_VIEWS)
        from sidecar.web.views import history  # noqa: PLC0415 - loaded late

        return json_response(history.incident_review(review))

    async def _postmortem(self, request: web.Request) -> web.Response:
        review = await self._review(request)
        await late_modules.load(late_modules.POSTMORTEM)
        from sidecar.core.reporting.postmortem.document import (  # noqa: PLC0415 - loaded late
            write_postmortem,
        )

        return web.Response(
            text=write_postmortem(review),
            content_type="text/markdown",
            charset="utf-8",
            headers={"Cache-Control": "no-store"},
        )

    async def _review(self, request: web.Request) -> "IncidentReview":
        return await self._reader.review(
            request.match_info["id"],
            may_see=is_authorised(request, self._services.token),
        )
