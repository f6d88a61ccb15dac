"""The API's maintenance: tasks, their runs, and a run at once."""

import re

from aiohttp import web

from sidecar.api_types.control import EmptyBody
from sidecar.api_types.maintenance import TaskRunAnswer
from sidecar.web.auth import is_authorised, require_authorisation
from sidecar.web.controls import Controls
from sidecar.web.query import parse_query
from sidecar.web.request_body import read_body
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views.maintenance import MaintenanceFacts, show_maintenance, show_run

DEFAULT_RUNS = 20
MAX_RUNS = 500
_COUNT = re.compile(r"[0-9]{1,4}")


class MaintenanceRoutes:
    """GET /api/v1/maintenance, POST /api/v1/maintenance/TASK/run."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._controls = Controls(services)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        run = require_authorisation(self._services.token, self._run)
        return [
            web.get("/api/v1/maintenance", self._list),
            web.post("/api/v1/maintenance/{task}/run", run),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = parse_query(request, runs=str(DEFAULT_RUNS), task="")
        count = query["runs"]
        if _COUNT.fullmatch(count) is None or int(count) > MAX_RUNS:
            raise RequestRefused(
                400, f"runs={count[:20]}: give a number from 0 to {MAX_RUNS}"
            )
        services = self._services
        runs = await services.journal.task_runs(int(count), query["task"] or None)
        facts = MaintenanceFacts(
            services.state(), services.clock.now(), services.tasks, runs
        )
        details = is_authorised(request, services.token)
        answer = show_maintenance(facts, details=details)
        return json_response(answer)

    async def _run(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        run = await self._controls.run_task(request.match_info["task"])
        return json_response(TaskRunAnswer(run=show_run(run, details=True)), 202)
