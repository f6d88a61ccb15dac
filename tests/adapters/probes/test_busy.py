"""The question whether a container is busy, to real servers, and its repetition."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.container import Container
from sidecar.core.model.event import BusyAnswered, Event, PlannedRestartDue
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import BusySettings, InstanceId
from sidecar.core.ports.engine import (
    CommandTimeout,
    EngineError,
    EngineForbidden,
    ExecResult,
)
from sidecar.core.status.network_reach import find_surroundings
from sidecar.core.step.step import run_step
from sidecar.probes.busy_watcher import BusyWatcher
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.probe_servers import (
    refused_port,
    reply_with,
    response,
    run_server,
)
from tests.support.rule_world import SERVICE, WALLET, RuleWorld
from tests.support.wallet_replicas import NEIGHBOUR, OURS, replica_at

CONTAINER = a_container()
FREE = BusyAnswer(BusyVerdict.FREE)
BUSY = BusyAnswer(BusyVerdict.BUSY)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(FakeClock(), CONTAINER)


@pytest.fixture
async def prober(engine: FakeEngine) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(engine, FakeClock(), mask=lambda s: s.replace("hunter2", "*"))
    yield probes
    await probes.close()


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("200 OK", BusyVerdict.FREE),
        ("204 No Content", BusyVerdict.FREE),
        ("423 Locked", BusyVerdict.BUSY),
        ("503 Service Unavailable", BusyVerdict.BUSY),
        ("302 Found", BusyVerdict.UNCLEAR),
        ("404 Not Found", BusyVerdict.UNCLEAR),
        ("500 Internal Server Error", BusyVerdict.UNCLEAR),
    ],
)
async def test_address_answers_by_its_status(
    prober: ProbeRunner, status: str, verdict: BusyVerdict
) -> None:
    async with run_server(reply_with(response(b"", status))) as server:
        settings = BusySettings(url=server.url + "busy")
        answer = await prober.ask_busy(settings, CONTAINER)
    assert answer.verdict is verdict
    assert str(answer.reason) == f"it answered {status[:3]}"
    assert server.all[0].request.startswith(b"GET /busy HTTP/1.1\r\n")


async def test_address_that_refuses_is_unclear(prober: ProbeRunner) -> None:
    with refused_port() as port:
        settings = BusySettings(url=f"http://localhost:{port}/busy")
        answer = await prober.ask_busy(settings, CONTAINER)
    assert answer.verdict is BusyVerdict.UNCLEAR
    assert "connection refused" in str(answer.reason)


async def test_container_is_asked_at_its_own_address_not_a_neighbour_of_its_name(
    prober: ProbeRunner,
) -> None:
    """``localhost`` leads to the neighbour, as a name on a shared network may."""
    prober.set_surroundings(find_surroundings(replica_at("127.0.0.9", number=9), ()))
    is_busy = reply_with(response(b"", "423 Locked"))
    is_free = reply_with(response(b"", "200 OK"))
    async with (
        run_server(is_busy, OURS) as ours,
        run_server(is_free, NEIGHBOUR, ours.port) as neighbour,
    ):
        settings = BusySettings(url=f"http://localhost:{ours.port}/busy")
        answer = await prober.ask_busy(settings, replica_at(OURS))
        assert answer.verdict is BusyVerdict.BUSY
        assert neighbour.all == []


@pytest.mark.parametrize(
    ("exit_code", "verdict"),
    [
        (0, BusyVerdict.FREE),
        (75, BusyVerdict.BUSY),
        (1, BusyVerdict.UNCLEAR),
        (127, BusyVerdict.UNCLEAR),
    ],
)
async def test_command_answers_by_its_exit_status(
    prober: ProbeRunner, engine: FakeEngine, exit_code: int, verdict: BusyVerdict
) -> None:
    engine.exec_of["is-it busy"] = ExecResult(exit_code, "what it printed")
    settings = BusySettings(command=("is-it", "busy"))
    answer = await prober.ask_busy(settings, CONTAINER)
    assert answer.verdict is verdict
    assert str(answer.reason) == f"its command ended with {exit_code}"


@pytest.mark.parametrize(
    "error", [CommandTimeout("too slow"), EngineForbidden("403 hunter2")]
)
async def test_command_without_a_result_is_unclear_and_masked(
    prober: ProbeRunner, engine: FakeEngine, error: EngineError
) -> None:
    engine.trouble("execute", error)
    answer = await prober.ask_busy(BusySettings(command=("busy",)), CONTAINER)
    assert answer.verdict is BusyVerdict.UNCLEAR
    assert "hunter2" not in str(answer.reason)


class ScriptedAsker:
    """Answers from a list; the last answer is repeated."""

    def __init__(self, *answers: BusyAnswer) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def ask_busy(
        self, settings: BusySettings, container: Container
    ) -> BusyAnswer:
        del settings, container
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class WatchedWorld:
    """A world whose steps the watcher sees; its answers are posted back."""

    def __init__(self, asker: ScriptedAsker) -> None:
        busy = BusySettings(url="http://bitcoincash-service/busy")
        self.world = RuleWorld(targets=(WALLET, replace(SERVICE, busy=busy)))
        self.world.works(WALLET.name, SERVICE.name)
        self.has_acted = asyncio.Event()
        clock = FakeClock(self.world.now_s)
        self.watcher = BusyWatcher(asker, clock, self.post, every_s=0.01)

    def post(self, event: Event) -> None:
        result: StepResult = run_step(self.world.state, event)
        self.world.state = result.state
        self.world.decisions.extend(result.decisions)
        self.watcher.on_step(result)
        if self.world.acts():
            self.has_acted.set()


async def test_watcher_asks_until_the_restart_begins_and_then_stops() -> None:
    asker = ScriptedAsker(BUSY, BUSY, FREE)
    watched = WatchedWorld(asker)
    async with asyncio.timeout(20.0):
        watched.post(PlannedRestartDue(watched.world.now, SERVICE.name))
        await watched.has_acted.wait()
    assert asker.asked == 3
    await watched.watcher.close()


async def test_watcher_asks_nothing_while_no_restart_waits() -> None:
    asker = ScriptedAsker(FREE)
    watched = WatchedWorld(asker)
    instance_id = InstanceId(SERVICE.name, 1)
    container = watched.world.instance(SERVICE.name).container
    assert container is not None
    watched.post(BusyAnswered(watched.world.now, instance_id, container.run, FREE))
    await asyncio.sleep(0)
    assert asker.asked == 0
    await watched.watcher.close()


async def test_watcher_ends_its_questions_when_closed() -> None:
    watched = WatchedWorld(ScriptedAsker(BUSY))
    watched.post(PlannedRestartDue(watched.world.now, SERVICE.name))
    await asyncio.sleep(0)
    before = asyncio.all_tasks()
    assert len(before) == 2
    await watched.watcher.close()
    assert len(asyncio.all_tasks()) == 1
