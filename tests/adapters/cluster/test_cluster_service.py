"""The service of the lease, connected with the loop; Redis does not answer."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typing_extensions import override

from sidecar.app.cluster import ClusterService
from sidecar.app.loop_access import LoopAccess
from sidecar.clock import SystemClock
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen, Event
from sidecar.core.model.foreign_signal import UNKNOWN_SIGNAL
from sidecar.core.model.guard import Guard
from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON
from sidecar.telemetry.secret_mask import Mask
from tests.support.fakes import a_container
from tests.support.traffic_states import replica_state

WAIT_S = 10.0
INSTANCE = InstanceId("payment", 1)
TERM, CONT, WINCH = 15, 18, 28


class StillLoop(LoopAccess):
    """A loop whose state stays the same."""

    def __init__(self) -> None:
        self.has_posted = asyncio.Event()

    @override
    def state(self) -> State:
        return replica_state(TargetState.HEALTHY)

    @override
    def stalled_s(self) -> float:
        return 0.0

    @override
    def post(self, event: Event) -> None:
        assert isinstance(event, LeaseObserved)
        assert event.status.lost
        self.has_posted.set()


@asynccontextmanager
async def running_service() -> AsyncIterator[ClusterService]:
    """The service, once it knows that Redis does not answer."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{unheard.getsockname()[1]}/0"
        status = LeaseStatus(ClusterSettings(url), "a", since=SystemClock().now())
        loop = StillLoop()
        service = ClusterService(status, "shop", loop, Mask())
        running = asyncio.create_task(service.run())
        try:
            async with asyncio.timeout(WAIT_S):
                await loop.has_posted.wait()
            yield service
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def decide(container: Container) -> Decision:
    return Decision(
        SystemClock().now(),
        INSTANCE,
        "payment",
        Action.RESTART,
        Guard.NONE,
        NO_REASON,
        run=container.run,
    )


@pytest.mark.parametrize(
    ("signal", "stop_signal", "is_known", "answer"),
    [
        (CONT, TERM, True, R.NONE),
        (WINCH, TERM, True, R.NONE),
        (TERM, TERM, True, R.TOLD_TO_STOP),
        (UNKNOWN_SIGNAL, TERM, True, R.TOLD_TO_STOP),
        (WINCH, WINCH, True, R.TOLD_TO_STOP),
        (WINCH, WINCH, False, R.TOLD_TO_STOP),
    ],
)
async def test_signal_calls_the_call_off_unless_it_is_harmless(
    *, signal: int, stop_signal: int, is_known: bool, answer: R
) -> None:
    """Sidecar itself sends SIGCONT right before its restart."""
    async with running_service() as service:
        container = a_container(stop_signal=stop_signal)
        decision = decide(container)
        event = ContainerEventSeen(
            SystemClock().now(),
            INSTANCE,
            EngineEventKind.KILL,
            container.id,
            SystemClock().now().wall,
            container if is_known else None,
            signal,
        )
        state = replica_state(TargetState.HEALTHY)
        service.on_step(StepResult(event, (), (), (), state))
        assert (await service.permit(decision, 0.0, committed=False)).code is answer
