"""A store that lasts as long as the process."""

from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import Component


class MemoryStore:
    """Keeps the last state; a new process begins without one."""

    def __init__(self) -> None:
        self._state: State | None = None

    async def load(self) -> State | None:
        """The last state; None where there is none."""
        return self._state

    async def append(self, *results: StepResult) -> None:
        """Remember one turn of the loop."""
        self._state = results[-1].state

    def component(self) -> Component:
        """Memory can always be written."""
        return Component("store", ok=True, reason="", since_wall=0.0)
