"""Answers about drills: an order, its progress, its end, and those on record.

Most Sidecars never have a drill, so this module is loaded at the first request.
"""

import re

from aiohttp import web

from sidecar.api_types.control import EmptyBody
from sidecar.api_types.drills import DrillAnswer, DrillBody, DrillList, DrillObjection
from sidecar.web.auth import is_authorised
from sidecar.web.drill_controls import MAX_DRILLS, DrillControls
from sidecar.web.duration_param import parse_duration_param
from sidecar.web.query import parse_query
from sidecar.web.request_body import read_body
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views.drills import (
    reader_of,
    show_current,
    show_planned,
    show_record,
    still_under_way,
)

DEFAULT_DRILLS = 20
_COUNT = re.compile(r"[0-9]{1,3}")


class DrillAnswers:
    """The answers; those that change something only to authorised requests."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._controls = DrillControls(services)

    async def order(self, request: web.Request) -> web.Response:
        """Begin a drill; as a dry run only say what would happen."""
        body = await read_body(request, DrillBody)
        name = request.match_info["target"]
        if body.dry_run:
            return json_response(await self._controls.preview(name, body))
        answer = await self._controls.order(name, body)
        if isinstance(answer, DrillObjection):
            return json_response(answer, 409)
        return json_response(DrillAnswer(answer), 202)

    async def cancel(self, request: web.Request) -> web.Response:
        """End the drill that is under way."""
        await read_body(request, EmptyBody)
        drill = await self._controls.cancel(request.match_info["drill"])
        return json_response(DrillAnswer(drill), 202)

    async def one(self, request: web.Request) -> web.Response:
        """One drill, under way or on record."""
        details = is_authorised(request, self._services.token)
        drill_id = request.match_info["drill"]
        return json_response(await self._controls.find(drill_id, details=details))

    async def list(self, request: web.Request) -> web.Response:
        """The drill under way, the last ones, and the next planned ones."""
        query = parse_query(
            request, count=str(DEFAULT_DRILLS), target="", fault="", since=""
        )
        count = query["count"]
        if _COUNT.fullmatch(count) is None or int(count) > MAX_DRILLS:
            raise RequestRefused(
                400, f"count={count[:20]}: give a number from 0 to {MAX_DRILLS}"
            )
        services, target = self._services, query["target"]
        since_wall = self._since_wall(query["since"])
        show = reader_of(details=is_authorised(request, services.token))
        current = services.state().drill
        on_record = await services.journal.drills(MAX_DRILLS, target or None)
        drill = still_under_way(current, on_record)
        records = [
            record
            for record in on_record
            if query["fault"] in {"", record.fault} and record.ended_wall >= since_wall
        ]
        is_shown = drill is not None and target in {"", drill.name}
        return json_response(
            DrillList(
                under_way=show_current(drill, show) if drill and is_shown else None,
                drills=tuple(show_record(r, show) for r in records[: int(count)]),
                planned=tuple(
                    show_planned(planned)
                    for planned in services.drills.next_drills()
                    if target in {"", planned.target}
                ),
            )
        )

    def _since_wall(self, text: str) -> float:
        """The begin of the period that the query names; 0: it names none."""
        if not text:
            return 0.0
        age_s = parse_duration_param(self._services, "since", text)
        return self._services.clock.now().wall - age_s
