"""Kills for lack of memory: by the kernel, because of the container's limit.

This is the place for a sentence about the memory of earlier runs, such as a forecast:
``describe_memory_kill`` writes the reason that people read.
"""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

_MIB = 1024 * 1024


def note_memory_kill(instance: Instance, event: ContainerEventSeen) -> Instance:
    """Note the run in which the kernel killed a process of the container."""
    container = instance.container
    if event.kind is not EngineEventKind.OOM or container is None:
        return instance
    is_current = container.id == event.container_id
    if not is_current or event.engine_time < container.started_at:
        return instance
    return replace(instance, memory_killed=container.run)


def describe_memory_kill(container: Container) -> Reason:
    """Why a container, or a process in it, was killed for lack of memory."""
    limit_bytes = container.memory_limit_bytes
    if limit_bytes <= 0:
        return Reason.of(R.KILLED_WITHOUT_LIMIT)
    return Reason.of(R.KILLED_AT_LIMIT, limit_mib=round(limit_bytes / _MIB))


def name_memory_kill(instance: Instance, outcome: ProbeResult) -> ProbeResult:
    """The result; a closed port after such a kill in this run has it as its reason."""
    container = instance.container
    if outcome.cause is not Cause.REFUSED or container is None:
        return outcome
    if instance.memory_killed != container.run:
        return outcome
    killed = describe_memory_kill(container)
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
    return describe_memory_kill(container)
