"""The API's incidents: the list, one with its timeline, and its post-mortem."""

import re
from collections.abc import Mapping

from aiohttp import web

from sidecar.api_types.status import IncidentList
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import JournalEntry
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.state import EfficacyKey
from sidecar.core.reporting.incident_review import (
    IncidentReview,
    build_incident_review,
    involved_targets,
    journal_range,
    without_amounts,
)
from sidecar.core.reporting.postmortem.document import write_postmortem
from sidecar.core.text.known_names import list_known
from sidecar.web.auth import is_authorised
from sidecar.web.query import parse_query
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views import health, history, status

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.IGNORECASE)
_YES_OR_NO = {"1": True, "0": False}


class IncidentRoutes:
    """GET /api/v1/incidents..."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        incident_path = "/api/v1/incidents/{id}"
        return [
            web.get("/api/v1/incidents", self._list),
            web.get(incident_path, self._one),
            web.get(f"{incident_path}/postmortem", self._postmortem),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        open_flag = parse_query(request, open="0")["open"]
        if open_flag not in _YES_OR_NO:
            raise RequestRefused(
                400, f"open={open_flag[:20]}: give 1 for open incidents alone"
            )
        incidents = await self._services.journal.incidents(
            open_only=_YES_OR_NO[open_flag]
        )
        return json_response(
            IncidentList(incidents=tuple(map(status.incident, incidents)))
        )

    async def _one(self, request: web.Request) -> web.Response:
        return json_response(history.incident_review(await self._review(request)))

    async def _postmortem(self, request: web.Request) -> web.Response:
        review = await self._review(request)
        return web.Response(
            text=write_postmortem(review),
            content_type="text/markdown",
            charset="utf-8",
            headers={"Cache-Control": "no-store"},
        )

    async def _review(self, request: web.Request) -> IncidentReview:
        """The incident's review. Evidence and amounts need authorisation: evidence
        shows a target's log, and amounts are private.
        """
        journal = self._services.journal
        incident = await self._incident(request)
        now_wall = self._services.clock.now().wall
        since, until = journal_range(incident, now_wall)
        may_see = is_authorised(request, self._services.token)
        entries = await self._entries(incident, since, until)
        return build_incident_review(
            incident,
            entries if may_see else without_amounts(entries),
            await journal.monitored_intervals(since, until),
            now_wall,
            efficacy=self._efficacy(incident),
            evidence=await journal.evidence(incident.id) if may_see else (),
        )

    async def _incident(self, request: web.Request) -> Incident:
        incident_id = request.match_info["id"]
        if _ID.fullmatch(incident_id) is None:
            raise RequestRefused(
                400,
                "an incident's id has 26 letters and digits; "
                f"{await self._describe_known(incident_id)}",
            )
        incident = await self._services.journal.incident(incident_id.upper())
        if incident is None:
            raise RequestRefused(
                404,
                f"there is no incident {incident_id}; it may be too old; "
                f"{await self._describe_known(incident_id)}",
            )
        return incident

    async def _describe_known(self, incident_id: str) -> str:
        """The latest incidents, and the one whose id ``incident_id`` resembles."""
        incidents = await self._services.journal.incidents(open_only=False)
        return list_known(incident_id.upper(), (entry.id for entry in incidents))

    async def _entries(
        self, incident: Incident, since: float, until: float
    ) -> tuple[JournalEntry, ...]:
        """All entries of the targets involved: the first failures have no id yet."""
        names = involved_targets(incident)
        entries = [
            entry
            for name in names
            for entry in await self._services.journal.entries(since, until, target=name)
        ]
        return tuple(sorted(entries, key=lambda entry: entry.at_wall))

    def _efficacy(
        self, incident: Incident
    ) -> tuple[tuple[EfficacyKey, RemedyStats], ...]:
        state = self._services.state()
        instance = health.instance_named(state, incident.target)
        target = instance.id.target if instance is not None else incident.target
        ledger: Mapping[EfficacyKey, RemedyStats] = state.ledger
        return tuple(
            (key, record)
            for key, record in ledger.items()
            if key.target == target and key.cause is incident.cause
        )
