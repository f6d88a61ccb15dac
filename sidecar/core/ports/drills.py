"""Protocols of a drill's edges: the engine's calls, and Sidecar's own connections."""

from typing import NamedTuple, Protocol

from sidecar.core.model.container import RunId
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import CutNetwork


class DrillSubject(NamedTuple):
    """Facts about a container that a drill needs and that no list of containers has.

    ``networks``: all that it is in, with what it was given there. ``vanishes``: the
    engine removes it when it ends.
    """

    networks: tuple[CutNetwork, ...] = ()
    vanishes: bool = False


class DrillEngine(Protocol):
    """Calls to the engine that make a fault and end it, limited to one stack.

    Calls raise only subclasses of EngineError.
    """

    async def check_calls(self, fault: DrillFault) -> None:
        """Raise EngineRefused if the fault's calls or those of its undo are refused.

        Asks about a container that cannot exist, so that nothing is changed.
        """

    async def examine(self, container_id: str) -> DrillSubject:
        """The container's networks, and what becomes of it when it ends."""

    async def kill(self, container_id: str) -> None:
        """End the container by SIGKILL; the engine's own policy does not start it."""

    async def freeze(self, container_id: str) -> None:
        """Send SIGSTOP to the main process."""

    async def pause(self, container_id: str) -> None:
        """Pause all processes of the container."""

    async def unpause(self, container_id: str) -> None:
        """End a pause."""

    async def leave_network(self, container_id: str, network: CutNetwork) -> None:
        """Take the container out of a network; it may be out already."""

    async def rejoin_network(self, container_id: str, network: CutNetwork) -> None:
        """Put the container back as it was; it may be back, or the network be gone."""


class ConnectionFaults(Protocol):
    """Faults at Sidecar's own connections; the container itself is not touched.

    One at a time. It ends with the run of the container, and with the process.
    """

    def begin(self, fault: DrillFault, run: RunId) -> None:
        """Disturb connections to the run from now on. OSError: that is not possible."""

    def end(self) -> None:
        """Disturb nothing any more."""
