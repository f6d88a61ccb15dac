"""Orders of operators: the API and the page give them through the same functions."""

from typing import NamedTuple

from sidecar.api_types.control import AckAnswer
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import (
    AckRequested,
    Event,
    PauseRequested,
    PlannedRestartCancelled,
    RecoverRequested,
    ReleaseRequested,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.task_event import TaskRequested
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.status.container_run import is_running
from sidecar.core.text.formatting import rfc3339
from sidecar.core.text.known_names import list_known
from sidecar.web.duration_param import parse_duration_param
from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices
from sidecar.web.target_names import find_instance, find_target_name, has_replicas


class RestartOrder(NamedTuple):
    """An order to restart: the first decision, and the replicas in their order."""

    decision: Decision
    replicas: tuple[str, ...]


class Controls:
    """The orders. Each raises RequestRefused where it cannot be given.

    ``name`` is the name of a target or of one of its replicas; orders that concern the
    whole target take either.
    """

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    # --- remedies

    async def restart(self, name: str, *, now: bool = False) -> RestartOrder:
        """Ask for a restart of one instance, or of all replicas of a target.

        The decision may be an objection.
        """
        state = self._services.state()
        rolls = has_replicas(state, name)
        if rolls:
            self._check_rolling(state, name)
        asked = name if rolls else self.find_instance(name).name
        decision = await self._ask(RestartRequested(self._now(), asked, now))
        if decision is None:
            raise RequestRefused(
                503, "nothing was decided; look at the status and try again"
            )
        following = self._replicas_to_restart(name) if rolls else ()
        return RestartOrder(decision, tuple(dict.fromkeys((decision.name, *following))))

    def _check_rolling(self, state: State, name: str) -> None:
        if state.plan is not None:
            raise RequestRefused(
                409,
                f"a restart of {state.plan.target} is under way, one target after "
                f"the other; sidecar schedule cancel {state.plan.target} ends it",
            )
        if not any(map(is_running, state.replicas(name))):
            raise RequestRefused(409, f"no replica of {name} runs")

    def _replicas_to_restart(self, target: str) -> tuple[str, ...]:
        state = self._services.state()
        if state.plan is None or state.plan.target != target:
            return ()
        return tuple(state.instances[i].name for i in state.plan.remaining_ids)

    async def recover(self, name: str) -> Decision | None:
        """Forget the used tries of a target."""
        return await self._ask(RecoverRequested(self._now(), self.find_target(name)))

    async def release(self, name: str) -> Decision | None:
        """Give up the remedy of an instance that is under way."""
        instance = self.find_instance(name)
        if not (instance.remedy or instance.loading):
            raise RequestRefused(409, f"no remedy of {instance.name} is under way")
        return await self._ask(ReleaseRequested(self._now(), instance.name))

    # --- pauses

    async def pause(self, name: str | None, duration: str | None) -> Decision | None:
        """Pause a target, or all (None), for a duration, or until resumed (None)."""
        until_wall = None
        now = self._now()
        if duration is not None:
            until_wall = now.wall + parse_duration_param(
                self._services, "for", duration
            )
        return await self._ask(PauseRequested(now, self._targets(name), until_wall))

    async def resume(self, name: str | None) -> Decision | None:
        """Resume a target, or all (None)."""
        return await self._ask(ResumeRequested(self._now(), self._targets(name)))

    # --- planned restarts

    def skip(self, name: str) -> PlannedTime:
        """Skip the next planned restart of a target."""
        target = self.find_target(name)
        skipped = self._services.schedule.skip_next(target)
        if skipped is None:
            raise RequestRefused(409, f"{target} has no planned restarts")
        return skipped

    async def cancel(self, name: str) -> Decision | None:
        """Cancel the rest of a target's planned restart that is under way."""
        target = self.find_target(name)
        state = self._services.state()
        is_begun = state.plan is not None and state.plan.target == target
        if not is_begun and target not in state.due:
            raise RequestRefused(
                409,
                f"no planned restart of {target} is under way; "
                "skip leaves out the next one",
            )
        return await self._ask(PlannedRestartCancelled(self._now(), target))

    # --- maintenance tasks

    async def run_task(self, name: str) -> TaskRun:
        """Begin a run of a maintenance task."""
        state = self._services.state()
        if name not in state.tasks:
            hint = list_known(name, state.tasks)
            raise RequestRefused(404, f"there is no task {name}; {hint}")
        if state.task_progress[name].running is not None:
            raise RequestRefused(409, f"a run of {name} is under way")
        await self._ask(TaskRequested(self._now(), name))
        progress = self._services.state().task_progress.get(name)
        run = (progress.running or progress.last) if progress is not None else None
        if run is None:
            raise RequestRefused(503, "the run was not begun; try again")
        return run

    # --- incidents

    async def acknowledge(self, incident_id: str, by: str) -> AckAnswer:
        """Acknowledge an incident that is open; the answer says since when it is."""
        incident_id = incident_id.upper()
        incident = self._services.state().incidents.get(incident_id)
        if incident is None:
            hint = list_known(incident_id, self._open_incidents())
            raise RequestRefused(
                404, f"there is no incident {incident_id} that is open; {hint}"
            )
        if not incident.open:
            raise RequestRefused(409, f"incident {incident_id} is resolved")
        await self.acknowledge_incident(incident, by)
        acked_at = self._acked_at(incident_id)
        return AckAnswer(incident=incident_id, acked_at=acked_at)

    def _open_incidents(self) -> list[str]:
        incidents = self._services.state().incidents.values()
        return [incident.id for incident in incidents if incident.open]

    async def acknowledge_incident(self, incident: Incident, by: str) -> None:
        """Acknowledge a known incident."""
        await self._ask(AckRequested(self._now(), incident.id, by))

    def _acked_at(self, incident_id: str) -> str | None:
        incident = self._services.state().incidents.get(incident_id)
        if incident is None or incident.acked_at is None:
            return None
        return rfc3339(incident.acked_at.wall)

    # --- targets and instances by name

    def find_target(self, name: str) -> str:
        """A target's name, given by its own or an instance's name."""
        return find_target_name(self._services.state(), name)

    def find_instance(self, name: str) -> Instance:
        """An instance by its name; with one replica it is the target's own name."""
        return find_instance(self._services.state(), name)

    def _targets(self, name: str | None) -> tuple[str, ...]:
        if name is None:
            return tuple(self._services.state().targets)
        return (self.find_target(name),)

    def _now(self) -> Moment:
        return self._services.clock.now()

    async def _ask(self, event: Event) -> Decision | None:
        return await self._services.ask(event)
