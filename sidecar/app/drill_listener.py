"""Drills of a running Sidecar; their parts are imported for the first one."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from sidecar.app.contexts import EngineContext
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import Clock, Post
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.probes.connection_faults import ConnectionFaults

if TYPE_CHECKING:
    from sidecar.drills.runner import DrillRunner

_PARTS = "sidecar.app.drill_parts"


class DrillListener:
    """A listener that lets the runner carry out the drill of the state."""

    def __init__(
        self, context: EngineContext, faults: ConnectionFaults, clock: Clock, post: Post
    ) -> None:
        self._context = context
        self._faults = faults
        self._clock = clock
        self._post = post
        self._state = State(started=clock.now())
        self._runner: DrillRunner | None = None
        self._loading: asyncio.Task[DrillRunner] | None = None
        self.find_store_fault: Callable[[], Reason] = lambda: NO_REASON
        """Why the undo may not be stored; set once the store is in use."""

    def on_step(self, result: StepResult) -> None:
        """Begin what the current drill needs; return at once."""
        self._state = result.state
        if self._runner is not None:
            self._runner.on_state(result.state)
        elif result.state.drill is not None:
            self._load()

    async def find_objection(
        self, instance_id: InstanceId, fault: DrillFault
    ) -> Reason:
        """Why the engine cannot make or not undo the fault; NO_REASON: it can.

        Changes nothing.
        """
        runner = await self._load()
        return await runner.find_objection(self._state, instance_id, fault)

    async def close(self) -> None:
        """Undo the fault before Sidecar ends; takes 8 s at most."""
        if self._loading is not None:
            runner = await self._loading
            await runner.close(self._state)

    def _load(self) -> "asyncio.Task[DrillRunner]":
        if self._loading is None:
            self._loading = asyncio.create_task(self._build_runner())
        return self._loading

    async def _build_runner(self) -> "DrillRunner":
        """The runner, which has seen the latest state. Few Sidecars need its parts."""
        parts = await asyncio.to_thread(import_module, _PARTS)
        runner: DrillRunner = parts.build_runner(
            self._context,
            self._faults,
            self._clock,
            self._post,
            lambda: self.find_store_fault(),  # noqa: PLW0108 - set later
        )
        self._runner = runner
        runner.on_state(self._state)
        return runner
