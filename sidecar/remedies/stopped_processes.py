"""Inspection of a container's processes: do they work, wait, or are they stopped?"""

from sidecar.core.model.container import Container
from sidecar.core.model.event import ProcessesInspected
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import Engine, EngineError, HostProcesses
from sidecar.core.ports.loop import Clock
from sidecar.core.status.process_inspection import ProcessFindings, judge_processes
from sidecar.remedies.evidence import Mask

LOOK_S = 10.0
"""The time limit of an inspection outside a remedy."""

NAME_CHARACTERS = 60
"""The limit for the name of a process, which it can choose itself."""


async def find_stopped_processes(
    engine: Engine, container: Container, host: HostProcesses | None = None
) -> ProcessFindings | None:
    """The findings from the host's view, else from the engine; None if unavailable."""
    processes = await host.processes(container) if host is not None else None
    try:
        if processes is None:
            processes = await engine.processes(container.id)
    except EngineError:
        return None
    return judge_processes(processes, container)


class StoppedProcesses:
    """Builds events from findings; names of processes are masked."""

    def __init__(self, clock: Clock, mask: Mask) -> None:
        self._clock = clock
        self._mask = mask

    def event(
        self,
        instance: InstanceId,
        container: Container,
        findings: ProcessFindings,
        asked_mono: float,
    ) -> ProcessesInspected:
        """The event for ``findings`` of an inspection that began at ``asked_mono``."""
        named = tuple(self._mask(name)[:NAME_CHARACTERS] for name in findings.stopped)
        return ProcessesInspected(
            self._clock.now(),
            instance,
            container.run,
            named,
            findings.is_idle,
            findings.serves,
            findings.waits_s,
            asked_mono,
        )
