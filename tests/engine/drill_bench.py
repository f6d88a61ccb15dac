"""Drills on single containers, made and undone by the test's own process."""

import os
from collections.abc import Mapping
from typing import Any

from sidecar.clock import SystemClock
from sidecar.core.model.container import Container
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.reason.reason import NO_REASON
from sidecar.drills.drill_tools import DrillTools
from sidecar.drills.injection import inject_fault
from sidecar.drills.preparation import prepare_drill
from sidecar.drills.undoing import undo_fault
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.drill_calls import DrillCalls
from sidecar.engine.features import ALL_FEATURES
from sidecar.probes.connection_faults import ConnectionFaults
from tests.engine.harness import Box, Stack

WAIT = ["sleep", "600"]


class DrillBench:
    """Drills on one container of a stack, in this process."""

    def __init__(self, stack: Stack, environ: Mapping[str, str] = os.environ) -> None:
        self.stack = stack
        link = EngineConnection.from_environ(
            environ, on_request=lambda *_: None, features_in_use=lambda: ALL_FEATURES
        )
        self.engine = DockerEngine(link, stack.project)
        self.own_id = ""
        """Sidecar's own container; empty: Sidecar runs on the host."""
        calls = DrillCalls(link, stack.project)
        self.tools = DrillTools(
            self.engine,
            calls,
            ConnectionFaults(),
            self._own,
            SystemClock(),
            str,
            lambda: NO_REASON,
        )

    async def _own(self) -> Container | None:
        return await self.engine.inspect(self.own_id) if self.own_id else None

    def box(self, service: str, **settings: Any) -> Box:  # noqa: ANN401 - the SDK's own
        """A container that only waits."""
        settings = {"entrypoint": WAIT, **settings}
        return Box(
            self.stack.container("sidecar-demo-wallet:local", service, **settings)
        )

    async def prepare(self, fault: DrillFault, box: Box) -> DrillUndo:
        stack = await self.engine.containers()
        container = await self.engine.inspect(box.id)
        return await prepare_drill(self.tools, fault, container, stack)

    async def make(self, fault: DrillFault, box: Box) -> DrillUndo:
        """Make the fault; what undoes it."""
        undo = await self.prepare(fault, box)
        await inject_fault(self.tools, fault, undo)
        return undo

    async def undo(self, fault: DrillFault, undo: DrillUndo) -> None:
        """Undo the fault twice: the second time as the next process would."""
        await undo_fault(self.tools, fault, undo)
        await undo_fault(self.tools, fault, undo)

    async def look(self, box: Box) -> Container:
        return await self.engine.inspect(box.id)


def endpoints(box: Box) -> dict[str | None, dict[str, object]]:
    """The container's settings on each network, as it was given them."""
    box.docker.reload()
    networks = box.docker.attrs["NetworkSettings"]["Networks"]
    return {
        name: {
            "aliases": sorted(set(at["Aliases"] or ()) - {box.id[:12]}),
            "address": at["IPAMConfig"],
        }
        for name, at in networks.items()
    }
