"""Swarm services of a stack, and what an operator has ordered for them. Pure."""

from typing import NamedTuple

import msgspec

from sidecar.core.model.service_hold import ServiceHold
from sidecar.engine.containers import NAMESPACE_LABEL, epoch_seconds
from sidecar.engine.swarm_types import (
    RestartPolicy,
    Service,
    ServiceSpec,
    UpdateStatus,
)

UPDATE_S = 600.0
"""An update may replace tasks for so long before they count as failing."""

_GRACE_S = 10.0
_ABSENT = (b"", b"null")


class SwarmService(NamedTuple):
    """A service of the stack. ``name`` is without the stack's prefix."""

    id: str
    stack: str
    name: str
    full_name: str
    spec: ServiceSpec
    hold: ServiceHold
    update: UpdateStatus

    @property
    def replicas(self) -> int:
        """The number of tasks that are wanted; 0 for a global service."""
        replicated = self.spec.mode.replicated
        return (replicated.replicas or 0) if replicated is not None else 0

    @property
    def is_global(self) -> bool:
        """Has it one task on each node?"""
        return self.spec.mode.global_ is not None

    @property
    def grace_s(self) -> float:
        """The time that a task has to end before it is killed."""
        settings = self.spec.task_template.container_spec
        period = settings.stop_grace_period if settings is not None else None
        return period / 1e9 if period is not None else _GRACE_S

    @property
    def restart_policy(self) -> RestartPolicy:
        """When swarm makes a new task for one that has ended."""
        return self.spec.task_template.restart_policy or RestartPolicy()

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the service; those of its containers count as well."""
        settings = self.spec.task_template.container_spec
        of_containers = settings.labels if settings is not None else None
        return {**(of_containers or {}), **(self.spec.labels or {})}

    @property
    def tty(self) -> bool:
        """Have its containers a terminal?"""
        settings = self.spec.task_template.container_spec
        return settings is not None and settings.tty

    def replaces_tasks(self, now: float) -> bool:
        """Is a task that does not run one that an update replaces?"""
        if not self.hold.is_under_way or self.update.started_at is None:
            return False
        return now - epoch_seconds(self.update.started_at) < UPDATE_S


def read_service(raw: Service, stack: str) -> SwarmService | None:
    """A service of the stack; None: it is of another stack, or a job."""
    spec = msgspec.json.decode(raw.spec, type=ServiceSpec)
    if (spec.labels or {}).get(NAMESPACE_LABEL) != stack:
        return None
    if spec.mode.replicated is None and spec.mode.global_ is None:
        return None
    name = spec.name.removeprefix(f"{stack}_")
    update = raw.update_status or UpdateStatus()
    hold = _find_hold(raw, spec, update)
    return SwarmService(raw.id, stack, name, spec.name, spec, hold, update)


def _find_hold(raw: Service, spec: ServiceSpec, update: UpdateStatus) -> ServiceHold:
    replicated = spec.mode.replicated
    if replicated is not None and replicated.replicas == 0:
        return ServiceHold.SCALED_TO_ZERO
    if update.state not in set(ServiceHold):
        return ServiceHold.NONE
    hold = ServiceHold(update.state)
    # A forced update that was paused changed nothing that a person has to judge.
    return hold if hold.is_under_way or not _is_forced(raw) else ServiceHold.NONE


def _is_forced(raw: Service) -> bool:
    """Did the last update only replace the tasks, and change no setting?"""
    if bytes(raw.previous_spec) in _ABSENT:
        return False
    return _without_counter(raw.spec) == _without_counter(raw.previous_spec)


def _without_counter(spec: msgspec.Raw) -> dict[str, object]:
    settings = msgspec.json.decode(spec, type=dict[str, object])
    template = settings.get("TaskTemplate")
    if isinstance(template, dict):
        template.pop("ForceUpdate", None)
    return settings
