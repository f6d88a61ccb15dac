"""Drills of a running Sidecar: their calls are refused until one is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.app.contexts import EngineContext
from sidecar.app.drill_listener import DrillListener
from sidecar.app.engine_features import FeaturesInUse
from sidecar.clock import SystemClock
from sidecar.config.load import load
from sidecar.config.settings import Settings
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import Drill, DrillPhase
from sidecar.core.model.drill_event import DrillPrepared, DrillUndone
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.model.event import Event, Tick
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.features import Feature
from sidecar.engine.own_container import OwnView
from sidecar.probes.connection_faults import ConnectionFaults
from tests.support.engine_connection import OWN, link_to, until
from tests.support.engine_server import EngineServer

WALLET = InstanceId("wallet", 1)
DRILLS = {Feature.DRILL, Feature.CONNECT}


class Listening:
    """The listener on a small engine, with a state of one container."""

    def __init__(
        self, settings: Settings, link: EngineConnection, *, in_swarm: bool
    ) -> None:
        now = SystemClock().now()
        self.state = State(started=now)
        link.features_in_use = lambda: {Feature.SERVICES} if in_swarm else frozenset()
        features = FeaturesInUse(lambda: settings, lambda: self.state, link)
        link.features_in_use = features
        self.features = features
        self.engine = DockerEngine(link, "demo")
        context = EngineContext(self.engine, "demo", "", OwnView(link, ""), link)
        self.events: list[Event] = []
        self.listener = DrillListener(
            context, ConnectionFaults(), SystemClock(), self.events.append
        )

    async def see(
        self,
        fault: DrillFault | None = None,
        phase: DrillPhase = DrillPhase.PREPARING,
        undo: DrillUndo | None = None,
    ) -> None:
        """Let the listener see a step; with a drill that begins, or is in a phase."""
        now = SystemClock().now()
        container = await self.engine.inspect(OWN)
        instance = Instance(WALLET, "wallet", container=container)
        drill = None
        if fault is not None:
            objective, by = DrillObjective(), Trigger.OPERATOR
            drill = Drill(
                "d1", WALLET, "wallet", fault, by, objective, now, phase, now, undo
            )
        self.state = State(
            started=now, instances=build_table({WALLET: instance}), drill=drill
        )
        self.listener.on_step(StepResult(Tick(now), (), (), (), self.state))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "sidecar.yaml"
    file.write_text('{"targets": {}}')
    return load({}, file)


@pytest.fixture(params=[False, True], ids=["alone", "swarm"])
async def listening(
    settings: Settings, server: EngineServer, request: pytest.FixtureRequest
) -> AsyncIterator[Listening]:
    listening = Listening(settings, link_to(server, []), in_swarm=request.param)
    yield listening
    await listening.listener.close()
    await listening.engine.close()


async def test_calls_are_in_use_from_the_first_drill_on(
    listening: Listening, server: EngineServer
) -> None:
    await listening.see()
    assert listening.features() & DRILLS == set()
    await listening.see(DrillFault.PAUSE)
    await until(lambda: bool(listening.events))
    assert listening.features() >= DRILLS
    (event,) = listening.events
    assert isinstance(event, DrillPrepared)
    is_swarm = Feature.SERVICES in listening.features()
    assert (event.undo is None) is is_swarm
    assert event.problem.code is (R.DRILL_IN_SWARM if is_swarm else R.NONE)
    assert [act for act in server.acts() if OWN in act] == []


async def test_end_of_a_drill_is_seen_and_the_next_one_begins(
    listening: Listening,
) -> None:
    for count in (1, 2):
        await listening.see(DrillFault.REFUSE)
        await until(lambda expected=count: len(listening.events) == expected)  # type: ignore[misc]
        await listening.see()


async def test_fault_is_undone_before_sidecar_ends(listening: Listening) -> None:
    await listening.see(DrillFault.REFUSE)
    await until(lambda: bool(listening.events))
    (prepared,) = listening.events
    assert isinstance(prepared, DrillPrepared)
    await listening.see(DrillFault.REFUSE, DrillPhase.WATCHING, prepared.undo)
    await listening.listener.close()
    assert isinstance(listening.events[-1], DrillUndone)


async def test_objection_is_that_of_the_engine(
    listening: Listening, server: EngineServer
) -> None:
    await listening.see()
    is_swarm = Feature.SERVICES in listening.features()
    find = listening.listener.find_objection
    assert await find(WALLET, DrillFault.REFUSE) == NO_REASON
    server.refuses = lambda _, target: target.endswith("/unpause")
    code = (await find(WALLET, DrillFault.PAUSE)).code
    assert code is (R.DRILL_IN_SWARM if is_swarm else R.DRILL_REFUSED_BY_ENGINE)
    gone = await find(InstanceId("wallet", 2), DrillFault.PAUSE)
    assert gone.code is R.DRILL_RUN_IS_OVER
