"""Planned restarts and maintenance windows in the shape of Statuspage."""

from typing import NamedTuple

from sidecar.api_types import statuspage as types
from sidecar.core.text.formatting import rfc3339


class MaintenanceEntry(NamedTuple):
    """A planned restart or a window; times in wall clock seconds."""

    entry_id: str
    name: str
    status: str
    begin_wall: float
    until_wall: float
    text: str
    components: tuple[types.Component, ...]


def write_maintenance(
    entry: MaintenanceEntry, page_id: str, link: str, started_wall: float
) -> types.Maintenance:
    """The entry with its one update; it is announced since the start of Sidecar."""
    begin = rfc3339(entry.begin_wall)
    announced = rfc3339(min(entry.begin_wall, started_wall))
    changed = begin if entry.status == "in_progress" else announced
    update = types.IncidentUpdate(
        id=f"{entry.entry_id}-0",
        status=entry.status,
        body=entry.text,
        incident_id=entry.entry_id,
        created_at=changed,
        updated_at=changed,
        display_at=changed,
    )
    return types.Maintenance(
        id=entry.entry_id,
        name=entry.name,
        status=entry.status,
        created_at=announced,
        updated_at=changed,
        monitoring_at=None,
        resolved_at=None,
        impact="maintenance",
        shortlink=link,
        started_at=begin,
        page_id=page_id,
        incident_updates=(update,),
        components=entry.components,
        scheduled_for=begin,
        scheduled_until=rfc3339(entry.until_wall),
    )
