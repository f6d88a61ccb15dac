"""A simulated stack that outlives each sidecar: engine, services, operator, faults."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Container, RunId, Status
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import (
    Event,
    PlannedRestartDue,
    RecoverRequested,
    RestartRequested,
)
from sidecar.core.model.message import Message
from sidecar.core.model.notification_settings import (
    EscalationSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import ProbeSchedule, RestartSettings, Target
from sidecar.core.ports.engine import EngineTimeout
from sidecar.core.reason.reason import text_reason
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.rule_world import SERVICE, WALLET

ROOT, LEAF = "electron-cash", "bitcoincash-service"
ROOT_ID, LEAF_ID = "wallet-id", "service-id"
IDS = {ROOT: ROOT_ID, LEAF: LEAF_ID}

CHANNELS = ("ops", "phone")
STOPPING_S = 6.0
RECOVERY_S = 20.0

_RESTART = RestartSettings(
    budget=2,
    window_s=300.0,
    backoff_s=3.0,
    stop_timeout_s=STOPPING_S,
    dead_stop_timeout_s=2.0,
    recovery_timeout_s=RECOVERY_S,
    slow_lane_s=(30.0, 60.0),
)
_CADENCE = ProbeSchedule(interval_s=5.0, fast_interval_s=1.0, start_period_s=10.0)
TARGETS = (
    replace(
        WALLET,
        probes=(
            ElectronCashProbe(
                "http://electron-cash:7777/", timeout_s=3.0, hang_after_s=8.0
            ),
        ),
        cadence=_CADENCE,
        restart=_RESTART,
    ),
    replace(SERVICE, cadence=_CADENCE, restart=_RESTART, settle_s=6.0),
)
"""The usual pair of targets, with short times."""

NOTIFY = NotifySettings(
    routes=Routes(
        CHANNELS,
        {
            Severity.P0: CHANNELS,
            Severity.P1: ("ops",),
            Severity.P2: ("ops",),
            Severity.P3: ("ops",),
        },
    ),
    escalation=EscalationSettings(
        after_s={Severity.P0: 60.0, Severity.P1: 45.0, Severity.P2: 90.0},
        repeat_s=120.0,
        urgent_after_s=180.0,
    ),
)

_FAILURES = (
    probe_failure(Cause.REFUSED, text_reason("connection refused")),
    probe_failure(Cause.HTTP_5XX, text_reason("503"), rpc_answers=True),
    probe_failure(Cause.HUNG, text_reason("no answer for 3 s")),
    probe_failure(Cause.AUTH, text_reason("401"), rpc_answers=True),
)
_NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)
_REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))


class EngineCall(NamedTuple):
    """A changing call that the engine received, and the container before it."""

    at_wall: float
    sidecar_number: int
    call: str
    name: str
    container: Container
    decision: Decision


class Arrival(NamedTuple):
    """A message that a channel's receiver got."""

    at_wall: float
    sidecar_number: int
    message: Message


@dataclass
class SimulatedService:
    """A service's answers; it fails for the first ``failing_run_limit`` runs."""

    service: str
    failure: ProbeResult | None = None
    failing_runs: set[RunId] = field(default_factory=set)
    failing_run_limit: int = 1
    stopped: set[RunId] = field(default_factory=set)
    """Runs whose daemon was stopped by RPC while its container continues."""
    loaded: set[RunId] = field(default_factory=set)

    def start_failing(self, failure: ProbeResult, runs: int) -> None:
        self.failure, self.failing_run_limit, self.failing_runs = failure, runs, set()

    def stop_failing(self) -> None:
        self.failure = None

    def answer(self, container: Container) -> ProbeResult:
        if container.run in self.stopped:
            return _REFUSED
        if self.failure is not None:
            self.failing_runs.add(container.run)
            if len(self.failing_runs) <= self.failing_run_limit:
                return self.failure
            self.failure = None
        if self.service == ROOT and container.run not in self.loaded:
            return _NO_WALLET
        return probe_success()


class SimulatedStack:
    """The simulated stack; ``violations`` collects broken invariants."""

    def __init__(self, rng: random.Random) -> None:
        self.clock = LoopClock()
        self.rng = rng
        old = self.clock.now().wall - 86_400.0
        self.engine = FakeEngine(
            self.clock,
            *(
                a_container(IDS[n], service=n, name=f"demo-{n}-1", started_at=old)
                for n in (ROOT, LEAF)
            ),
        )
        self.has_wrapper = rng.random() < 0.4
        """Whether the daemon's container outlives the daemon."""
        self.services = {name: SimulatedService(name) for name in IDS}
        self.services[ROOT].loaded.add(self.engine.held[ROOT_ID].run)
        self.engine_calls: list[EngineCall] = []
        self.rpc_stops: list[tuple[float, Decision]] = []
        """RPC stops that the daemon executed: wall clock time, decision."""
        self.runs_ended_by_us: set[RunId] = set()
        """Runs that a sidecar ended or was about to end."""
        self.arrivals: list[Arrival] = []
        self.blocked_until_wall: dict[str, float] = {}
        """Channels that refuse messages, and until which wall clock time."""
        self.violations: list[str] = []
        self.post: Callable[[Event], None] = lambda _: None
        """Posts an event to the running sidecar, if there is one."""

    @property
    def now(self) -> float:
        return self.clock.now().wall

    def service_name_of(self, container_id: str) -> str:
        return self.engine.held[container_id].service

    def stop_daemon(self, container: Container) -> None:
        """End the daemon, as RPC ``stop`` does."""
        if self.has_wrapper:
            self.services[container.service].stopped.add(container.run)
        else:
            self.engine.crash(container.id, 0)

    def is_stopped_by_us(self, name: str) -> bool:
        """Whether the service is stopped because of a sidecar's successful call."""
        container = self.engine.held[IDS[name]]
        is_daemon_stopped = container.run in self.services[name].stopped
        has_exited = container.status is Status.EXITED
        return container.run in self.runs_ended_by_us and (
            is_daemon_stopped or has_exited
        )

    async def inject_faults(self) -> None:
        """Inject random faults until cancelled."""
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 25.0))
            self.rng.choice(_FAULTS)(self)

    def clear_faults(self) -> None:
        """Remove all faults that a restart does not remove."""
        self.blocked_until_wall.clear()
        for service in self.services.values():
            service.stop_failing()
        if self.engine.unreachable:
            self.engine.come_back()
        self.engine.forget_troubles()


def _start_failure(stack: SimulatedStack) -> None:
    name = stack.rng.choice((ROOT, ROOT, LEAF))
    runs = stack.rng.choice((1, 1, 1, 2, 3, 6))
    stack.services[name].start_failing(stack.rng.choice(_FAILURES), runs)


def _recover_by_operator(stack: SimulatedStack) -> None:
    """An operator repairs the daemons and requests recovery."""
    for name, service in stack.services.items():
        service.stop_failing()
        stack.post(RecoverRequested(stack.clock.now(), name))


def _crash_container(stack: SimulatedStack) -> None:
    name = stack.rng.choice((ROOT, LEAF))
    if stack.engine.held[IDS[name]].status is Status.RUNNING:
        stack.engine.crash(IDS[name], 1)


def _slow_down_engine(stack: SimulatedStack) -> None:
    rng = stack.rng
    stack.engine.delays["restart"] = rng.uniform(0.0, STOPPING_S)
    stack.engine.delays["between"] = rng.choice((0.0, 0.3, 2.0))
    stack.engine.delays["start"] = rng.choice((0.0, 0.5))


def _disconnect_engine(stack: SimulatedStack) -> None:
    stack.engine.go_away()
    loop = asyncio.get_running_loop()
    loop.call_later(stack.rng.uniform(1.0, 30.0), stack.engine.come_back)


def _drop_engine_answer(stack: SimulatedStack) -> None:
    is_done = stack.rng.random() < 0.7
    call = stack.rng.choice(("restart", "start"))
    stack.engine.trouble(call, EngineTimeout("no answer"), is_done=is_done)


def _block_channel(stack: SimulatedStack) -> None:
    name = stack.rng.choice(CHANNELS)
    stack.blocked_until_wall[name] = stack.now + stack.rng.uniform(5.0, 60.0)


def _request_restart(stack: SimulatedStack) -> None:
    name = stack.rng.choice((ROOT, LEAF))
    stack.post(RestartRequested(stack.clock.now(), name, now=stack.rng.random() < 0.5))


def _request_planned_restart(stack: SimulatedStack) -> None:
    stack.post(PlannedRestartDue(stack.clock.now(), ROOT))


_FAULTS = (
    *(_start_failure,) * 8,
    *(_crash_container,) * 3,
    *(_recover_by_operator,) * 2,
    *(_slow_down_engine,) * 2,
    _disconnect_engine,
    _drop_engine_answer,
    _block_channel,
    _request_restart,
    _request_planned_restart,
)


def target_of(name: str) -> Target:
    return next(t for t in TARGETS if t.name == name)
