"""No engine: Sidecar watches targets whose containers something else restarts.

A kubelet, for example. Every target has one container, of which nothing is known.
"""

import asyncio
from collections.abc import AsyncGenerator

from sidecar.core.model.container import Container, Status
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import (
    Connected,
    ContainerGone,
    Disconnected,
    EngineEvent,
    EngineRefused,
)
from sidecar.core.status.network_reach import BY_NAME
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.docker_host import Address
from sidecar.engine.operations import Operation

ID_PREFIX = "no-engine/"


class AbsentConnection(EngineConnection):
    """A connection that sends nothing: each call raises EngineRefused."""

    def __init__(self) -> None:
        super().__init__(Address("http://no-engine.invalid"), lambda *_: None)

    def _admit(  # type: ignore[explicit-override]  # typing.override is of Python 3.12
        self, operation: Operation
    ) -> None:
        raise EngineRefused(
            f"not sent: SIDECAR_ENGINE=none, so nothing can {operation}"
        )


class AbsentEngine(DockerEngine):
    """Implements core.ports.Engine without an engine.

    Each of ``targets`` has one container that has run since ``started_wall``. All calls
    but ``containers``, ``inspect`` and ``events`` raise EngineRefused.
    """

    def __init__(
        self,
        link: AbsentConnection,
        stack: str,
        targets: tuple[Target, ...],
        started_wall: float,
    ) -> None:
        super().__init__(link, stack)
        self.targets = targets
        self._started_wall = started_wall

    async def containers(  # type: ignore[explicit-override]
        self,
    ) -> tuple[Container, ...]:
        """One container for each target."""
        return tuple(self._container(target) for target in self.targets)

    async def inspect(  # type: ignore[explicit-override]
        self, container_id: str
    ) -> Container:
        """The container of a target. ContainerGone: the target is no more."""
        for container in await self.containers():
            if container.id == container_id:
                return container
        raise ContainerGone(f"no target has the container {container_id}")

    async def events(  # type: ignore[explicit-override]
        self,
    ) -> AsyncGenerator[EngineEvent | Connected | Disconnected, None]:
        """One Connected, then nothing until closed."""
        yield Connected()
        await asyncio.Event().wait()

    def _container(self, target: Target) -> Container:
        return Container(
            f"{ID_PREFIX}{target.name}",
            target.container or target.name,
            self._members.stack,
            target.service or target.name,
            1,
            Status.RUNNING,
            started_at=self._started_wall,
            network_mode=BY_NAME,
        )
