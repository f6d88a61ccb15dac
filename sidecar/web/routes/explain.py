"""The API's explanation of one target."""

from aiohttp import web

from sidecar.core.policy.explanation import explain
from sidecar.web.query import parse_query
from sidecar.web.response import json_response
from sidecar.web.services import ApiServices
from sidecar.web.target_names import find_instance
from sidecar.web.views.explanation import show_explanation


class ExplainRoutes:
    """GET /api/v1/explain/TARGET."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [web.get("/api/v1/explain/{target}", self._explain)]

    async def _explain(self, request: web.Request) -> web.Response:
        parse_query(request)
        state, now = self._services.state(), self._services.clock.now()
        instance = find_instance(state, request.match_info["target"])
        upcoming = self._services.schedule.upcoming_times(1)
        planned = [time for time in upcoming if time.target == instance.id.target]
        explanation = explain(state, instance.id, now)
        return json_response(show_explanation(state, explanation, now, planned))
