"""Look into a container: which of its processes work, wait, or are stopped."""

from sidecar.core.model.container import Container
from sidecar.core.model.event import ProcessesInspected
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import Engine, EngineError, HostProcesses
from sidecar.core.ports.loop import Clock
from sidecar.core.status.process_inspection import ProcessFindings, judge_processes
from sidecar.remedies.evidence import Mask

LOOK_S = 10.0
"""What a look may take that is not made amid a remedy."""

NAME_CHARACTERS = 60
"""A process names itself as it likes."""


async def find_stopped_processes(
    engine: Engine, container: Container, sight: HostProcesses | None = None
) -> ProcessFindings | None:
    """Look at the processes, or ask for them; None where the engine does not say."""
    processes = await sight.processes(container) if sight is not None else None
    try:
        if processes is None:
            processes = await engine.processes(container.id)
    except EngineError:
        return None
    return judge_processes(processes, container)


class StoppedProcesses:
    """Makes events of what was seen; names of processes are masked."""

    def __init__(self, clock: Clock, mask: Mask) -> None:
        self._clock = clock
        self._mask = mask

    def event(
        self,
        instance: InstanceId,
        container: Container,
        seen: ProcessFindings,
        asked_mono: float,
    ) -> ProcessesInspected:
        """That ``seen`` was there when it was asked for at ``asked_mono``."""
        named = tuple(self._mask(name)[:NAME_CHARACTERS] for name in seen.stopped)
        return ProcessesInspected(
            self._clock.now(),
            instance,
            container.run,
            named,
            seen.is_idle,
            seen.serves,
            seen.waits_s,
            asked_mono,
        )
