"""The status in the shape of Statuspage, from the state alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sidecar.api_types import statuspage as types
from sidecar.core.model.cause import Severity
from sidecar.core.model.decision import Trigger
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.recovery.planned_restart import PLAN_STEP_S
from sidecar.core.status.maintenance_windows import window_end_wall
from sidecar.core.text.formatting import rfc3339
from sidecar.web.views.health import health_of
from sidecar.web.views.public_words import (
    Words,
    find_last_change,
    list_updates,
    write_title,
)
from sidecar.web.views.statuspage_maintenance import (
    MaintenanceEntry,
    write_maintenance,
)

_COMPONENT_STATUS = {
    TargetState.UNKNOWN: "degraded_performance",
    TargetState.STARTING: "degraded_performance",
    TargetState.HEALTHY: "operational",
    TargetState.DEGRADED: "degraded_performance",
    TargetState.FAILING: "degraded_performance",
    TargetState.DOWN: "major_outage",
    TargetState.DRAINING: "operational",
    TargetState.RECOVERING: "major_outage",
    TargetState.CRASH_LOOP: "major_outage",
    TargetState.DEAD_LETTER: "major_outage",
    TargetState.STOPPED: "under_maintenance",
    TargetState.MISSING: "major_outage",
}
_IMPACTS = {
    Severity.P0: "critical",
    Severity.P1: "major",
    Severity.P2: "minor",
    Severity.P3: "minor",
}
_INDICATORS = {
    "operational": "none",
    "under_maintenance": "none",
    "degraded_performance": "minor",
    "partial_outage": "major",
    "major_outage": "major",
}
_ORDER = ("none", "minor", "major", "critical")


class StatuspageFacts(NamedTuple):
    """Facts for the answers; ``planned``: the next restart of each target."""

    state: State
    now: Moment
    stack: str
    planned: Sequence[PlannedTime]


class StatuspageWriter:
    """Writes both answers from the same facts."""

    def __init__(self, facts: StatuspageFacts, words: Words) -> None:
        self._state = facts.state
        self._now = facts.now
        self._planned = facts.planned
        self._words = words
        self._stack = facts.stack or "sidecar"
        self._instances = {i.name: i for i in facts.state.instances.values()}
        self._components = {
            name: self._component(name, nth)
            for nth, name in enumerate(facts.state.targets, 1)
        }

    def write_status(self) -> types.StatuspageStatus:
        """The status of the whole stack."""
        return types.StatuspageStatus(page=self._page(), status=self._overall())

    def write_summary(self) -> types.StatuspageSummary:
        """The status with all targets, open incidents and planned restarts."""
        return types.StatuspageSummary(
            page=self._page(),
            components=tuple(self._components.values()),
            incidents=tuple(
                self._incident(incident)
                for incident in reversed(self._open_incidents())
            ),
            scheduled_maintenances=tuple(self._maintenances()),
            status=self._overall(),
        )

    def _open_incidents(self) -> list[Incident]:
        return [i for i in self._state.incidents.values() if i.open]

    def _page(self) -> types.Page:
        state = self._state
        changes = [
            state.started.wall,
            *(i.since.wall for i in state.instances.values()),
            *map(find_last_change, state.incidents.values()),
        ]
        return types.Page(
            id=self._stack,
            name=self._stack,
            url=state.notify.public_url or "",
            time_zone=state.notify.timezone,
            updated_at=rfc3339(max(changes)),
        )

    def _overall(self) -> types.OverallStatus:
        statuses = [component.status for component in self._components.values()]
        indicators = [_INDICATORS[status] for status in statuses]
        indicators += [_IMPACTS[i.severity] for i in self._open_incidents()]
        if statuses and set(statuses) == {"major_outage"}:
            indicators.append("critical")
        indicator = max(indicators, key=_ORDER.index, default="none")
        return types.OverallStatus(
            indicator=indicator,
            description=self._words(f"public.indicator.{indicator}"),
        )

    # --- targets

    def _component(self, name: str, position: int) -> types.Component:
        state, replicas = self._state, list(self._state.replicas(name))
        answer = health_of(state, name)
        assert answer is not None
        well, view = answer
        state_name = TargetState(view.state)
        status = _COMPONENT_STATUS[state_name]
        if well and any(_is_out(replica) for replica in replicas):
            status = "partial_outage"
        if status != "operational" and self._is_in_window(name):
            status = "under_maintenance"
        if any(map(_is_restarted_as_planned, replicas)):
            status = "under_maintenance"
        changes = [state.started.wall, *(replica.since.wall for replica in replicas)]
        return types.Component(
            id=name,
            name=name,
            status=status,
            created_at=rfc3339(state.started.wall),
            updated_at=rfc3339(max(changes)),
            position=position,
            description=self._words(f"public.state.{state_name}"),
            showcase=True,
            group_id=None,
            page_id=self._stack,
            group=False,
            only_show_if_degraded=False,
        )

    def _is_in_window(self, target: str) -> bool:
        return window_end_wall(self._state, target, self._now.wall) is not None

    def _find_components(self, names: Sequence[str]) -> tuple[types.Component, ...]:
        """The components of targets, which are given by names of instances."""
        instances = [self._instances.get(name) for name in names]
        targets = dict.fromkeys(i.id.target for i in instances if i is not None)
        return tuple(
            self._components[name] for name in targets if name in self._components
        )

    # --- incidents

    def _incident(self, incident: Incident) -> types.Incident:
        status = _incident_status(incident, self._instances.get(incident.target))
        began, changed = incident.opened_at.wall, find_last_change(incident)
        updates = tuple(
            types.IncidentUpdate(
                id=f"{incident.id}-{nth}",
                status="investigating" if update.kind == "opened" else "identified",
                body=update.text,
                incident_id=incident.id,
                created_at=rfc3339(update.at_wall),
                updated_at=rfc3339(update.at_wall),
                display_at=rfc3339(update.at_wall),
            )
            for nth, update in enumerate(list_updates(incident, self._words))
        )
        return types.Incident(
            id=incident.id,
            name=write_title(incident, self._words),
            status=status,
            created_at=rfc3339(began),
            updated_at=rfc3339(changed),
            monitoring_at=None,
            resolved_at=None,
            impact=_IMPACTS[incident.severity],
            shortlink=self._link(f"/incidents/{incident.id}"),
            started_at=rfc3339(incident.since_wall),
            page_id=self._stack,
            incident_updates=updates[::-1],
            components=self._find_components((incident.target, *incident.affected)),
        )

    def _link(self, path: str) -> str:
        public_url = self._state.notify.public_url
        return f"{public_url}{path}" if public_url else ""

    # --- planned restarts and maintenance windows

    def _maintenances(self) -> Iterator[types.Maintenance]:
        for entry in (*self._restarts(), *self._windows()):
            yield write_maintenance(
                entry, self._stack, self._link("/"), self._state.started.wall
            )

    def _restarts(self) -> Iterator[MaintenanceEntry]:
        for target, begun_wall in self._under_way().items():
            text = self._words("public.planned_begun")
            yield self._restart(target, "in_progress", begun_wall, text)
        for planned in self._planned:
            if not planned.skipped and planned.target in self._components:
                text = self._words("public.planned_at", at=rfc3339(planned.at_wall))
                yield self._restart(planned.target, "scheduled", planned.at_wall, text)

    def _restart(
        self, target: str, status: str, at_wall: float, text: str
    ) -> MaintenanceEntry:
        return MaintenanceEntry(
            f"planned-{target}-{int(at_wall)}",
            self._words("public.planned", target=target),
            status,
            at_wall,
            at_wall + PLAN_STEP_S,
            text,
            (self._components[target],),
        )

    def _windows(self) -> Iterator[MaintenanceEntry]:
        for period in self._state.windows:
            is_active = period.includes(self._now.wall)
            targets = ", ".join(period.targets) or self._words("public.window_all")
            begin, end = rfc3339(period.begin_wall), rfc3339(period.end_wall)
            names = period.targets or tuple(self._components)
            yield MaintenanceEntry(
                f"window-{'-'.join(period.targets)}-{int(period.begin_wall)}",
                self._words("public.window", targets=targets),
                "in_progress" if is_active else "scheduled",
                period.begin_wall,
                period.end_wall,
                self._words("public.window_at", begin=begin, end=end),
                tuple(self._components[n] for n in names if n in self._components),
            )

    def _under_way(self) -> Mapping[str, float]:
        """Begin of the planned restarts that wait or are carried out, by target."""
        state, now = self._state, self._now
        begins = {
            target: now.wall + due.until_mono - PLAN_STEP_S - now.mono
            for target, due in state.due.items()
        }
        for instance in state.instances.values():
            remedy = instance.remedy
            if remedy is not None and _is_restarted_as_planned(instance):
                begins.setdefault(instance.id.target, remedy.decision.at.wall)
        return begins


def _is_out(instance: Instance) -> bool:
    return _COMPONENT_STATUS[instance.state] == "major_outage"


def _is_restarted_as_planned(instance: Instance) -> bool:
    remedy = instance.remedy
    return remedy is not None and remedy.decision.trigger is Trigger.PLANNED


def _incident_status(incident: Incident, instance: Instance | None) -> str:
    """Monitoring while a remedy is verified; identified once anybody acts on it."""
    remedy = instance.remedy if instance is not None else None
    if remedy is not None and remedy.phase is RemedyPhase.VERIFYING:
        return "monitoring"
    is_treated = remedy is not None or incident.acked_at is not None or incident.deeds
    return "identified" if is_treated else "investigating"
