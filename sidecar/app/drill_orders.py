"""Orders for drills: the facts of doctor that they need, and the planned drills."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from loguru import logger

from sidecar.app.contexts import EngineContext
from sidecar.app.loop_access import LoopAccess
from sidecar.app.probing import ProbingParts
from sidecar.core.model.busy_wait import BusyVerdict
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_event import DrillRequested
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillPlan
from sidecar.core.model.incident import new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.ports.drill_planning import PlannedDrillTime
from sidecar.core.ports.engine import EngineError
from sidecar.core.ports.loop import Clock
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.schedule.drill_planner import DrillPlanner
from sidecar.storage.store import SqliteStore
from sidecar.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from sidecar.core.setup.wallet_loss import WalletLoss

RESTORED_DRILLS = 500
_BUSY_CODES = {
    BusyVerdict.BUSY: R.DRILL_BUSY,
    BusyVerdict.UNCLEAR: R.DRILL_BUSY_UNCLEAR,
}
_LOSS_CODES = {
    "not_on_volume": R.WALLET_NOT_ON_VOLUME,
    "unnamed_volume": R.WALLET_ON_UNNAMED_VOLUME,
}


class DrillOrders:
    """Finds the facts for orders, and orders the planned drills.

    Implements ``core.ports.DrillPlanning``.
    """

    def __init__(
        self,
        context: EngineContext,
        probing: ProbingParts,
        clock: Clock,
        loop: LoopAccess,
    ) -> None:
        self._context, self._probing = context, probing
        self._clock, self._loop = clock, loop
        self.planner = DrillPlanner(clock, self._begin_planned)
        self._tasks: set[asyncio.Task[None]] = set()
        self._store: SqliteStore | None = None

    async def run(self, store: SqliteStore, metrics: Metrics) -> None:
        """Order the planned drills at their times, until cancelled.

        First the metrics get the last drills of earlier runs of Sidecar.
        """
        self._store = store
        self._probing.drills.find_store_fault = self._find_store_fault
        with contextlib.suppress(StoreUnavailable):
            earlier = await store.journal.drills(RESTORED_DRILLS)
            metrics.drills.restore(earlier)
        try:
            await self.planner.run()
        finally:
            for task in self._tasks:
                task.cancel()

    async def find_facts(
        self, instance_id: InstanceId, fault: DrillFault
    ) -> DrillFacts:
        """Facts against a drill that the state does not have."""
        state = self._loop.state()
        instance = state.instances.get(instance_id)
        container = instance.container if instance is not None else None
        if instance is None or container is None:
            return DrillFacts()
        engine = self._find_cut(container, fault) or (
            await self._probing.drills.find_objection(instance_id, fault)
        )
        facts = DrillFacts(engine=engine, store=self._find_store_fault())
        if not fault.rule.interrupts:
            return facts
        target = state.target_of(instance)
        return facts._replace(
            loss=await self._find_loss(target, container),
            busy=await self._find_busy(state, instance),
        )

    def _find_cut(self, container: Container, fault: DrillFault) -> Reason:
        """Would the fault cut Sidecar off from the engine, which has to end it?"""
        host = self._context.link.host
        if not host or fault.rule.on_connections:
            return NO_REASON
        is_proxy = any(host in (*e.names, *e.addresses) for e in container.endpoints)
        return Reason.of(R.DRILL_CUTS_ENGINE) if is_proxy else NO_REASON

    def _find_store_fault(self) -> Reason:
        if self._store is None:
            return NO_REASON
        component = self._store.component()
        return NO_REASON if component.ok else text_reason(component.reason)

    async def _find_loss(self, target: Target, container: Container) -> Reason:
        """Why a wallet would be lost with the container; the survey is loaded late."""
        if target.wallet is None:
            return NO_REASON
        from sidecar.core.setup import wallet_loss  # noqa: PLC0415
        from sidecar.engine.survey import survey_container  # noqa: PLC0415

        try:
            facts = await survey_container(
                self._context.link, self._context.stack, container.id
            )
        except EngineError as error:
            return Reason.of(R.WALLET_FOLDER_UNREAD, said=str(error))
        if facts is None:
            return Reason.of(R.WALLET_FOLDER_UNREAD, said="it has gone")
        backup_paths = target.backup.path if target.backup is not None else ()
        paths = (*target.wallet.wallet_path, *backup_paths)
        loss = wallet_loss.find_wallet_loss(facts, paths)
        return NO_REASON if loss is None else _loss_reason(loss)

    async def _find_busy(self, state: State, instance: Instance) -> Reason:
        """Why the target or a dependent may not be interrupted now.

        An answer that is not clear objects, too: a drill can wait.
        """
        for member in (instance, *state.dependents(instance.id.target)):
            settings, container = state.target_of(member).busy, member.container
            if settings is None or container is None:
                continue
            answer = await self._probing.prober.ask_busy(settings, container)
            code = _BUSY_CODES.get(answer.verdict)
            if code is not None:
                return Reason.of(code, root=member.name, reason=answer.reason)
        return NO_REASON

    def next_drills(self) -> tuple[PlannedDrillTime, ...]:
        """The next planned drill of each target, in order of time."""
        return self.planner.next_drills()

    def _begin_planned(self, target: str, plan: DrillPlan) -> None:
        task = asyncio.get_running_loop().create_task(self._order(target, plan))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _order(self, target: str, plan: DrillPlan) -> None:
        """Order the planned drill of the first replica that works."""
        replicas = self._loop.state().replicas(target)
        working = [i for i in replicas if i.state in WORKING_STATES]
        chosen = next(iter(working or replicas), None)
        if chosen is None:
            logger.bind(target=target).warning(
                "no drill of {}: it has no container", target
            )
            return
        facts = await self.find_facts(chosen.id, plan.fault)
        at = self._clock.now()
        self._loop.post(
            DrillRequested(
                at,
                new_id(target, at),
                chosen.id,
                plan.fault,
                Trigger.PLANNED,
                forced=True,
                facts=facts,
            )
        )


def _loss_reason(loss: "WalletLoss") -> Reason:
    if not loss.folder:
        return Reason.of(R.WALLET_FOLDER_UNKNOWN)
    return Reason.of(_LOSS_CODES[loss.kind], folder=loss.folder)
