"""The runner of drills: prepares, makes and undoes the fault, phase by phase."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from loguru import logger

from sidecar.core.model.drill import Drill, DrillPhase
from sidecar.core.model.drill_event import DrillInjected, DrillPrepared, DrillUndone
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import EngineError
from sidecar.core.ports.loop import Post
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.drills.drill_tools import DrillRefused, DrillTools
from sidecar.drills.injection import inject_fault
from sidecar.drills.preparation import prepare_drill
from sidecar.drills.undoing import undo_fault

RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
TELL_AFTER_S = 10.0
"""An undo that has failed for so long is reported; the runner goes on trying."""

REPEAT_S = 10.0
"""The undo is repeated if the state does not show its result: a full queue of events
drops the report.
"""

CLOSE_S = 8.0

_IN_FORCE = frozenset({DrillPhase.INJECTING, DrillPhase.WATCHING, DrillPhase.UNDOING})


class DrillRunner:
    """Carries out the drill that the state has; results come back as events.

    One piece of work at a time, in the order of the phases: an engine's call under way
    cannot be taken back, so its undo waits for its end.
    """

    def __init__(self, tools: DrillTools, post: Post) -> None:
        self._tools = tools
        self._post = post
        self._begun: tuple[str, DrillPhase] | None = None
        self._work: asyncio.Task[None] | None = None
        self._undone_mono = 0.0

    def on_state(self, state: State) -> None:
        """Begin what the drill's phase needs; return at once."""
        drill = state.drill
        if drill is None:
            self._give_up()
            return
        if (drill.id, drill.phase) == self._begun and not self._is_unreported(drill):
            return
        self._begun = (drill.id, drill.phase)
        match drill.phase:
            case DrillPhase.PREPARING:
                self._begin(partial(self._prepare, drill, state))
            case DrillPhase.INJECTING:
                self._begin(partial(self._inject, drill))
            case DrillPhase.UNDOING:
                self._begin(partial(self._undo, drill))
            case DrillPhase.WATCHING | DrillPhase.RECOVERING:
                pass

    def _give_up(self) -> None:
        """A person has ended a drill whose undo fails: they end the fault."""
        if self._begun is not None and self._work is not None:
            self._work.cancel()
        self._begun = None

    def _is_unreported(self, drill: Drill) -> bool:
        """Was the undo done, and is the drill still in its phase UNDOING?"""
        is_done = self._work is None or self._work.done()
        since_s = self._tools.clock.now().mono - self._undone_mono
        return drill.phase is DrillPhase.UNDOING and is_done and since_s >= REPEAT_S

    async def find_objection(
        self, state: State, instance_id: InstanceId, fault: DrillFault
    ) -> Reason:
        """Why the fault cannot be made or not be undone; NO_REASON: it can.

        Changes nothing.
        """
        try:
            await self._examine(state, instance_id, fault)
        except DrillRefused as refused:
            return refused.reason
        return NO_REASON

    async def close(self, state: State) -> None:
        """Undo the fault before Sidecar ends; the next Sidecar does what is left."""
        drill = state.drill
        if drill is not None and drill.phase in _IN_FORCE:
            if drill.phase is not DrillPhase.UNDOING:
                self._begin(partial(self._undo, drill))
            if self._work is not None:
                await asyncio.wait({self._work}, timeout=CLOSE_S)
        if self._work is not None:
            self._work.cancel()

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        following = self._run_after(self._work, work)
        self._work = asyncio.create_task(following, name="drill")

    async def _run_after(
        self, before: "asyncio.Task[None] | None", work: Callable[[], Awaitable[None]]
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        try:
            await work()
        except Exception:  # noqa: BLE001 - the core ends a drill that goes on too long
            logger.exception("a drill could not go on")

    async def _prepare(self, drill: Drill, state: State) -> None:
        undo, problem = None, NO_REASON
        try:
            undo = await self._examine(state, drill.instance, drill.fault)
        except DrillRefused as refused:
            problem = refused.reason
        now = self._tools.clock.now()
        self._post(DrillPrepared(now, drill.id, undo, problem))

    async def _examine(
        self, state: State, instance_id: InstanceId, fault: DrillFault
    ) -> DrillUndo:
        instance = state.instances.get(instance_id)
        if instance is None or instance.container is None:
            raise DrillRefused(Reason.of(R.DRILL_RUN_IS_OVER))
        stack = (i.container for i in state.instances.values())
        containers = [container for container in stack if container is not None]
        return await prepare_drill(self._tools, fault, instance.container, containers)

    async def _inject(self, drill: Drill) -> None:
        if self._begun != (drill.id, DrillPhase.INJECTING) or drill.undo is None:
            return
        problem = NO_REASON
        try:
            self._check_store()
            await inject_fault(self._tools, drill.fault, drill.undo)
        except DrillRefused as refused:
            problem = refused.reason
        except (EngineError, OSError) as error:
            problem = text_reason(str(error))
        now = self._tools.clock.now()
        self._post(DrillInjected(now, drill.id, problem))

    def _check_store(self) -> None:
        """Refuse a fault whose undo waits in memory: a kill -9 would lose it."""
        fault = self._tools.find_store_fault()
        if fault:
            raise DrillRefused(Reason.of(R.DRILL_NOT_STORED, reason=fault))

    async def _undo(self, drill: Drill) -> None:
        """Undo the fault, however long that takes."""
        if drill.undo is None:
            return
        began, wait_s, is_told = self._tools.clock.now().mono, RETRY_S, False
        while True:
            try:
                await undo_fault(self._tools, drill.fault, drill.undo)
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, try again
                now = self._tools.clock.now()
                logger.warning("the fault of a drill is not undone yet: {}", error)
                if not is_told and now.mono - began >= TELL_AFTER_S:
                    is_told = True
                    reason = text_reason(str(error))
                    self._post(DrillUndone(now, drill.id, reason))
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, LONGEST_RETRY_S) if is_told else RETRY_S
        now = self._tools.clock.now()
        self._undone_mono = now.mono
        self._post(DrillUndone(now, drill.id))
