"""The world that outlives every sidecar: an engine, its containers, people, faults."""

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
"""The usual pair, in a hurry."""

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

_ILLNESSES = (
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
    """A changing call that the engine received, and what it found."""

    at: float
    life: int
    call: str
    name: str
    found: Container
    decision: Decision


class Arrival(NamedTuple):
    """A message that a channel's receiver got."""

    at: float
    life: int
    message: Message


@dataclass
class SimulatedService:
    """How a service answers; ``runs``: so many runs of it are still ill."""

    service: str
    illness: ProbeResult | None = None
    runs: set[RunId] = field(default_factory=set)
    cured_after: int = 1
    stopped: set[RunId] = field(default_factory=set)
    """Runs whose daemon was told to stop, in a container that goes on."""
    loaded: set[RunId] = field(default_factory=set)

    def falls_ill(self, illness: ProbeResult, runs: int) -> None:
        self.illness, self.cured_after, self.runs = illness, runs, set()

    def recovers(self) -> None:
        self.illness = None

    def answer(self, container: Container) -> ProbeResult:
        if container.run in self.stopped:
            return _REFUSED
        if self.illness is not None:
            self.runs.add(container.run)
            if len(self.runs) <= self.cured_after:
                return self.illness
            self.illness = None
        if self.service == ROOT and container.run not in self.loaded:
            return _NO_WALLET
        return probe_success()


class SimulatedStack:
    """All of it. ``wrong`` collects what must never have happened."""

    def __init__(self, chance: random.Random) -> None:
        self.clock = LoopClock()
        self.chance = chance
        old = self.clock.now().wall - 86_400.0
        self.engine = FakeEngine(
            self.clock,
            *(
                a_container(IDS[n], service=n, name=f"demo-{n}-1", started_at=old)
                for n in (ROOT, LEAF)
            ),
        )
        self.wrapper = chance.random() < 0.4
        """Does the daemon's container outlive the daemon?"""
        self.patients = {name: SimulatedService(name) for name in IDS}
        self.patients[ROOT].loaded.add(self.engine.held[ROOT_ID].run)
        self.acts: list[EngineCall] = []
        self.stops: list[tuple[float, Decision]] = []
        """RPC stops that the daemon obeyed, with their decisions."""
        self.ours: set[RunId] = set()
        """Runs that we ended, or were about to end."""
        self.arrivals: list[Arrival] = []
        self.deaf: dict[str, float] = {}
        """Channels that take nothing, and until when."""
        self.wrong: list[str] = []
        self.post: Callable[[Event], None] = lambda _: None
        """To the sidecar that lives just now, if any."""

    @property
    def now(self) -> float:
        return self.clock.now().wall

    def name_of(self, container_id: str) -> str:
        return self.engine.held[container_id].service

    def obey_stop(self, container: Container) -> None:
        """The daemon ends as RPC ``stop`` told it."""
        if self.wrapper:
            self.patients[container.service].stopped.add(container.run)
        else:
            self.engine.crash(container.id, 0)

    def stopped_by_us(self, name: str) -> bool:
        """Does it not serve because of us, the engine having refused nothing?"""
        container = self.engine.held[IDS[name]]
        over = container.run in self.patients[name].stopped
        ended = container.status is Status.EXITED
        return container.run in self.ours and (over or ended)

    async def misbehave(self) -> None:
        """One trouble after the other, until cancelled."""
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / 25.0))
            self.chance.choice(_TROUBLES)(self)

    def calm_down(self) -> None:
        """From now on everything can be cured."""
        self.deaf.clear()
        for patient in self.patients.values():
            patient.recovers()
        if self.engine.unreachable:
            self.engine.come_back()
        self.engine.forget_troubles()


def _ill(world: SimulatedStack) -> None:
    name = world.chance.choice((ROOT, ROOT, LEAF))
    runs = world.chance.choice((1, 1, 1, 2, 3, 6))
    world.patients[name].falls_ill(world.chance.choice(_ILLNESSES), runs)


def _mended_by_hand(world: SimulatedStack) -> None:
    """A person mends a daemon, and says so."""
    for name, patient in world.patients.items():
        patient.recovers()
        world.post(RecoverRequested(world.clock.now(), name))


def _crash(world: SimulatedStack) -> None:
    name = world.chance.choice((ROOT, LEAF))
    if world.engine.held[IDS[name]].status is Status.RUNNING:
        world.engine.crash(IDS[name], 1)


def _slow_engine(world: SimulatedStack) -> None:
    chance = world.chance
    world.engine.delays["restart"] = chance.uniform(0.0, STOPPING_S)
    world.engine.delays["between"] = chance.choice((0.0, 0.3, 2.0))
    world.engine.delays["start"] = chance.choice((0.0, 0.5))


def _no_engine(world: SimulatedStack) -> None:
    world.engine.go_away()
    loop = asyncio.get_running_loop()
    loop.call_later(world.chance.uniform(1.0, 30.0), world.engine.come_back)


def _no_answer(world: SimulatedStack) -> None:
    done = world.chance.random() < 0.7
    call = world.chance.choice(("restart", "start"))
    world.engine.trouble(call, EngineTimeout("no answer"), done=done)


def _deaf_channel(world: SimulatedStack) -> None:
    name = world.chance.choice(CHANNELS)
    world.deaf[name] = world.now + world.chance.uniform(5.0, 60.0)


def _wish(world: SimulatedStack) -> None:
    name = world.chance.choice((ROOT, LEAF))
    world.post(
        RestartRequested(world.clock.now(), name, now=world.chance.random() < 0.5)
    )


def _plan(world: SimulatedStack) -> None:
    world.post(PlannedRestartDue(world.clock.now(), ROOT))


_TROUBLES = (
    *(_ill,) * 8,
    *(_crash,) * 3,
    *(_mended_by_hand,) * 2,
    *(_slow_engine,) * 2,
    _no_engine,
    _no_answer,
    _deaf_channel,
    _wish,
    _plan,
)


def settings_of(name: str) -> Target:
    return next(t for t in TARGETS if t.name == name)
