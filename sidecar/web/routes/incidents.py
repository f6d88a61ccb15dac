"""The API's incidents: the list, one with its course, and its post-mortem."""

import re
from collections.abc import Mapping

from aiohttp import web

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
from sidecar.web.auth import has_token
from sidecar.web.query import parse_query
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views import health, history, status

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.IGNORECASE)
_YES_OR_NO = {"1": True, "0": False}


class IncidentRoutes:
    """GET /api/v1/incidents..."""

    def __init__(self, desk: ApiServices) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Where each is found."""
        one = "/api/v1/incidents/{id}"
        return [
            web.get("/api/v1/incidents", self._list),
            web.get(one, self._one),
            web.get(f"{one}/postmortem", self._postmortem),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        said = parse_query(request, open="0")["open"]
        if said not in _YES_OR_NO:
            raise RequestRefused(
                400, f"open={said[:20]}: give 1 for open incidents alone"
            )
        found = await self._desk.journal.incidents(open_only=_YES_OR_NO[said])
        return json_response({"incidents": [status.incident(one) for one in found]})

    async def _one(self, request: web.Request) -> web.Response:
        return json_response(history.incident_review(await self._aftermath(request)))

    async def _postmortem(self, request: web.Request) -> web.Response:
        found = await self._aftermath(request)
        return web.Response(
            text=write_postmortem(found),
            content_type="text/markdown",
            charset="utf-8",
            headers={"Cache-Control": "no-store"},
        )

    async def _aftermath(self, request: web.Request) -> IncidentReview:
        """Evidence shows a target's log, and amounts are private: they take the
        token.
        """
        journal = self._desk.journal
        incident = await self._incident(request)
        now_wall = self._desk.clock.now().wall
        since, until = journal_range(incident, now_wall)
        may_see = has_token(request, self._desk.token)
        entries = await self._entries(incident, since, until)
        return build_incident_review(
            incident,
            entries if may_see else without_amounts(entries),
            await journal.watched(since, until),
            now_wall,
            efficacy=self._efficacy(incident),
            evidence=await journal.evidence(incident.id) if may_see else (),
        )

    async def _incident(self, request: web.Request) -> Incident:
        which = request.match_info["id"]
        if _ID.fullmatch(which) is None:
            raise RequestRefused(
                400, "an incident's id has 26 letters and digits; see /api/v1/incidents"
            )
        incident = await self._desk.journal.incident(which.upper())
        if incident is None:
            raise RequestRefused(
                404, f"there is no incident {which}; it may be too old"
            )
        return incident

    async def _entries(
        self, incident: Incident, since: float, until: float
    ) -> tuple[JournalEntry, ...]:
        """All about the targets concerned: the first failures bear no id yet."""
        names = involved_targets(incident)
        found = [
            entry
            for name in names
            for entry in await self._desk.journal.entries(since, until, target=name)
        ]
        return tuple(sorted(found, key=lambda entry: entry.at_wall))

    def _efficacy(
        self, incident: Incident
    ) -> tuple[tuple[EfficacyKey, RemedyStats], ...]:
        state = self._desk.state()
        instance = health.instance_named(state, incident.target)
        target = instance.id.target if instance is not None else incident.target
        ledger: Mapping[EfficacyKey, RemedyStats] = state.ledger
        return tuple(
            (key, record)
            for key, record in ledger.items()
            if key.target == target and key.cause is incident.cause
        )
