"""Several watchdogs: connects the lease with the loop. Redis is imported if needed."""

import asyncio
import secrets
from importlib import import_module
from typing import TYPE_CHECKING

from sidecar.app.loop_access import STALLED_S, LoopAccess
from sidecar.clock import SystemClock
from sidecar.core.model.decision import Decision
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen
from sidecar.core.model.foreign_signal import is_harmless
from sidecar.core.model.lease import LeaseStatus, OnLost
from sidecar.core.model.step_result import StepResult
from sidecar.core.policy.guards.lease import (
    longest_call_s,
    may_hold_lease,
    names_down,
)
from sidecar.core.ports.loop import Component
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.telemetry.secret_mask import Mask

if TYPE_CHECKING:
    from sidecar.cluster.lease_keeper import LeaseKeeper, OwnFacts

ANSWER_S = 2.0
"""The deadline of one request to Redis; less with a short lease."""
_ID_BYTES = 8


class ClusterService:
    """The lease of this watchdog. Implements core.ports.loop.LeaseGate."""

    def __init__(
        self,
        status: LeaseStatus,
        stack: str,
        loop: LoopAccess,
        mask: Mask,
    ) -> None:
        self._initial = status
        self._stack = stack
        self._loop = loop
        self._mask = mask
        self._clock = SystemClock()
        self._keeper: LeaseKeeper | None = None

    async def run(self) -> None:
        """Get or keep the lease until cancelled."""
        # The import takes a tenth of a second of the loop's time.
        redis = await asyncio.to_thread(import_module, "sidecar.cluster.redis_server")
        keeper = await asyncio.to_thread(import_module, "sidecar.cluster.lease_keeper")
        settings = self._initial.settings
        own_id = secrets.token_hex(_ID_BYTES)
        server = redis.RedisLeaseServer(
            settings.redis_url,
            self._stack,
            (own_id, self._initial.own_name),
            min(ANSWER_S, settings.lease_s / 5),
            self._mask,
        )
        post = self._loop.post
        self._keeper = keeper.LeaseKeeper(
            server, self._clock, post, self._facts, self._initial, own_id
        )
        try:
            await self._keeper.run()
        finally:
            await self._keeper.release()
            await server.close()

    def on_step(self, result: StepResult) -> None:
        """Note signals to containers: another watchdog may be at work.

        A harmless signal may be our own SIGCONT, right before the daemon is stopped.
        """
        event = result.event
        if self._keeper is None or not isinstance(event, ContainerEventSeen):
            return
        if event.kind is not EngineEventKind.KILL:
            return
        if not is_harmless(event.signal, event.container):
            self._keeper.note_signal(event.container_id, event.at)

    async def permit(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        """Why a call may not be sent now; NO_REASON: it may."""
        keeper = self._keeper
        if keeper is None:
            return Reason.of(R.LEASE_NOT_ASKED)
        return await keeper.permit(decision, call_s, committed=committed)

    async def check_again(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        """Why a call is not permitted any more: the last check, which asks nobody."""
        keeper = self._keeper
        if keeper is None:
            return Reason.of(R.LEASE_NOT_ASKED)
        return await keeper.check_again(decision, call_s, committed=committed)

    def end_call(self) -> None:
        """The call has ended, or was not sent: the lease need not last for it."""
        if self._keeper is not None:
            self._keeper.end_call()

    def component(self) -> Component:
        """Does Redis answer? Without it Sidecar works as ``on_lost`` says."""
        status = self._loop.state().lease or self._initial
        is_ok = not status.lost or status.settings.on_lost is OnLost.ACT
        reason = f"Redis is lost: {status.lost}" if status.lost else ""
        return Component("lease", is_ok, reason, status.since.wall)

    def _facts(self) -> "OwnFacts":
        from sidecar.cluster.lease_keeper import OwnFacts  # noqa: PLC0415 - if needed

        state = self._loop.state()
        is_alive = self._loop.stalled_s() <= STALLED_S
        can_act = is_alive and may_hold_lease(state, self._clock.now())
        return OwnFacts(can_act, longest_call_s(state), names_down(state))


def build_cluster(
    status: LeaseStatus | None,
    stack: str,
    loop: LoopAccess,
    mask: Mask,
) -> ClusterService | None:
    """The lease, if the settings have one."""
    if status is None:
        return None
    return ClusterService(status, stack, loop, mask)


async def run_cluster(cluster: ClusterService | None) -> None:
    """Keep the lease until cancelled, if there is one."""
    if cluster is not None:
        await cluster.run()
