"""The answers of ``/api/v2/``, in the shape of Statuspage."""

from typing import Annotated

from msgspec import Struct

from sidecar.api_types.words import Instant, one_of

ComponentStatus = Annotated[
    str,
    one_of(
        (
            "operational",
            "degraded_performance",
            "partial_outage",
            "major_outage",
            "under_maintenance",
        )
    ),
]
ImpactName = Annotated[str, one_of(("none", "minor", "major", "critical"))]
IncidentStatus = Annotated[
    str, one_of(("investigating", "identified", "monitoring", "resolved"))
]
MaintenanceStatus = Annotated[str, one_of(("scheduled", "in_progress"))]


class Page(Struct, frozen=True):
    """The stack."""

    id: str
    name: str
    url: str
    time_zone: str
    updated_at: Instant


class OverallStatus(Struct, frozen=True):
    """The status of the whole stack, as a word and as a sentence."""

    indicator: ImpactName
    description: str


class Component(Struct, frozen=True, gc=False):
    """A target as a whole."""

    id: str
    name: str
    status: ComponentStatus
    created_at: Instant
    updated_at: Instant
    position: int
    description: str | None
    showcase: bool
    group_id: str | None
    page_id: str
    group: bool
    only_show_if_degraded: bool


class IncidentUpdate(Struct, frozen=True):
    """One update of an incident or of a maintenance."""

    id: str
    status: str
    body: str
    incident_id: str
    created_at: Instant
    updated_at: Instant
    display_at: Instant


class Incident(Struct, frozen=True):
    """An open incident; the newest update is the first."""

    id: str
    name: str
    status: IncidentStatus
    created_at: Instant
    updated_at: Instant
    monitoring_at: Instant | None
    resolved_at: Instant | None
    impact: ImpactName
    shortlink: str
    started_at: Instant
    page_id: str
    incident_updates: tuple[IncidentUpdate, ...]
    components: tuple[Component, ...]


class Maintenance(Struct, frozen=True):
    """A planned restart: to come, or under way."""

    id: str
    name: str
    status: MaintenanceStatus
    created_at: Instant
    updated_at: Instant
    monitoring_at: Instant | None
    resolved_at: Instant | None
    impact: Annotated[str, one_of(("maintenance",))]
    shortlink: str
    started_at: Instant
    page_id: str
    incident_updates: tuple[IncidentUpdate, ...]
    components: tuple[Component, ...]
    scheduled_for: Instant
    scheduled_until: Instant


class StatuspageStatus(Struct, frozen=True):
    """The status of the stack."""

    page: Page
    status: OverallStatus


class StatuspageSummary(Struct, frozen=True):
    """The stack with its targets, open incidents and planned restarts."""

    page: Page
    components: tuple[Component, ...]
    incidents: tuple[Incident, ...]
    scheduled_maintenances: tuple[Maintenance, ...]
    status: OverallStatus
