"""Kills for lack of memory: by the kernel, because of the container's limit."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen
from sidecar.core.model.instance import Instance
from sidecar.core.model.memory import Silence
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.record_copy import replace
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

_MIB = 1024 * 1024
_HOUR_S = 3600.0
_STEADY = frozenset({None, Silence.FAR})
"""Silences of a forecast whose slope is the run's rate of growth."""


def note_memory_kill(instance: Instance, event: ContainerEventSeen) -> Instance:
    """Note the run in which the kernel killed a process of the container."""
    container = instance.container
    if event.kind is not EngineEventKind.OOM or container is None:
        return instance
    is_current = container.id == event.container_id
    if not is_current or event.engine_time < container.started_at:
        return instance
    return replace(instance, memory_killed=container.run)


def describe_memory_kill(instance: Instance, run: RunId) -> Reason:
    """Why the container, or a process in it, was killed in ``run``: its limit, and how
    soon a new run reaches the limit, if the memory of ``run`` grew steadily.
    """
    container = instance.container
    limit_bytes = container.memory_limit_bytes if container is not None else 0
    if limit_bytes <= 0:
        return Reason.of(R.KILLED_WITHOUT_LIMIT)
    limit_mib = round(limit_bytes / _MIB)
    slope = _growth_bytes_per_s(instance, run)
    if slope <= 0.0:
        return Reason.of(R.KILLED_AT_LIMIT, limit_mib=limit_mib)
    return Reason.of(
        R.KILLED_AFTER_GROWTH,
        limit_mib=limit_mib,
        mib_per_hour=slope * _HOUR_S / _MIB,
        wait_s=limit_bytes / slope,
    )


def _growth_bytes_per_s(instance: Instance, run: RunId) -> float:
    """Rate at which the memory of a run grew; 0.0: not steadily, or not measured."""
    history = instance.memory
    if history is None or history.run != run or history.forecast is None:
        return 0.0
    forecast = history.forecast
    return forecast.slope_bytes_per_s if forecast.silence in _STEADY else 0.0


def name_memory_kill(instance: Instance, outcome: ProbeResult) -> ProbeResult:
    """The result; a closed port after such a kill in this run has it as its reason."""
    container = instance.container
    if outcome.cause is not Cause.REFUSED or container is None:
        return outcome
    if instance.memory_killed != container.run:
        return outcome
    killed = describe_memory_kill(instance, container.run)
    why = Reason.of(R.MEMORY_KILLED, reason=outcome.reason, because=killed)
    return replace(outcome, reason=why)


def describe_kill_in_loop(instance: Instance) -> Reason:
    """Why the last run of a crash loop was killed; NO_REASON: it ended otherwise."""
    container, killed = instance.container, instance.memory_killed
    if container is None or killed is None or not instance.runs:
        return NO_REASON
    last = instance.runs[-1]
    is_last = last.began <= killed.started_at <= last.ended
    if killed.container_id != container.id or not is_last:
        return NO_REASON
    return describe_memory_kill(instance, killed)
