"""A store that lasts as long as the process."""

from sidecar.core.decision import Decision
from sidecar.core.event import Event
from sidecar.core.state import State
from sidecar.core.transition import Transition


class MemoryStore:
    """Keeps the state as it was left; a new process begins without one."""

    def __init__(self) -> None:
        self._state: State | None = None

    def load(self) -> State | None:
        """The state as it was left, None where there is none."""
        return self._state

    def append(
        self,
        event: Event,  # noqa: ARG002 - a journal keeps it; here the state says enough
        transitions: tuple[Transition, ...],  # noqa: ARG002
        decisions: tuple[Decision, ...],  # noqa: ARG002
        state: State,
    ) -> None:
        """Remember one turn of the loop."""
        self._state = state
