"""Reads an incident with all that belongs to it, for the API and for the page."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import JournalEntry
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.state import EfficacyKey
from sidecar.core.text.known_names import list_known
from sidecar.web import late_modules
from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices
from sidecar.web.views.public_state import public_entries, public_incident

if TYPE_CHECKING:
    from sidecar.core.reporting.incident_review import IncidentReview

HideEntries = Callable[[Iterable[JournalEntry]], tuple[JournalEntry, ...]]

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.IGNORECASE)


class IncidentReader:
    """Reads incidents from the journal."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    async def find(self, incident_id: str) -> Incident:
        """The incident of an id; RequestRefused: there is none."""
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

    async def review(self, incident_id: str, *, may_see: bool) -> "IncidentReview":
        """The incident's review. Evidence and amounts need the token: evidence shows
        a target's log, and amounts are private.
        """
        incident = await self.find(incident_id)
        await late_modules.load(late_modules.REVIEW)
        from sidecar.core.reporting.incident_review import (  # noqa: PLC0415 - loaded late
            without_amounts,
        )

        return await self._review(incident, None if may_see else without_amounts)

    async def public_review(self, incident_id: str) -> "IncidentReview":
        """The incident's review as a visitor of the page may see it."""
        incident = public_incident(await self.find(incident_id))
        return await self._review(incident, public_entries)

    async def _review(
        self, incident: Incident, hide: HideEntries | None
    ) -> "IncidentReview":
        await late_modules.load(late_modules.REVIEW)
        from sidecar.core.reporting.incident_review import (  # noqa: PLC0415 - loaded late
            build_incident_review,
            involved_targets,
            journal_range,
        )

        journal = self._services.journal
        now_wall = self._services.clock.now().wall
        since, until = journal_range(incident, now_wall)
        entries = await self._entries(involved_targets(incident), since, until)
        return build_incident_review(
            incident,
            entries if hide is None else hide(entries),
            await journal.monitored_intervals(since, until),
            now_wall,
            efficacy=self._efficacy(incident),
            evidence=() if hide is not None else await journal.evidence(incident.id),
        )

    async def _entries(
        self, names: Iterable[str], since: float, until: float
    ) -> tuple[JournalEntry, ...]:
        """All entries of the targets involved: the first failures have no id yet."""
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
        instance = instance_named(state, incident.target)
        target = instance.id.target if instance is not None else incident.target
        ledger: Mapping[EfficacyKey, RemedyStats] = state.ledger
        return tuple(
            (key, record)
            for key, record in ledger.items()
            if key.target == target and key.cause is incident.cause
        )
