"""Facts for orders of drills: what would be lost, who is busy; and planned drills."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry

from sidecar.app.contexts import EngineContext
from sidecar.app.drill_orders import DrillOrders
from sidecar.app.loop_access import LoopAccess
from sidecar.app.probing import ProbingParts
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Endpoint
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill_event import DrillRequested
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillPlan
from sidecar.core.model.event import Event
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import BusySettings, InstanceId, Target
from sidecar.core.model.update import replace_instances
from sidecar.core.ports.loop import Component
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker_host import address_from
from sidecar.simulation.virtual_time import run_virtual
from sidecar.storage.store import SqliteStore
from sidecar.telemetry.metrics import Metrics
from tests.support.drill_world import LEAF, ROOT, DrillWorld, drill_record
from tests.support.engine_connection import OWN, link_to
from tests.support.engine_server import EngineServer
from tests.support.fakes import LoopClock
from tests.support.memory_journal import MemoryJournal
from tests.support.rule_world import SERVICE, WALLET, container

BUSY = BusySettings(url="http://service/busy")


class Answers:
    """The answers of targets without a container behind them, and what is posted."""

    def __init__(self, verdict: BusyVerdict) -> None:
        self.verdict = verdict
        self.asked: list[str] = []
        self.posted: list[Event] = []
        self.find_store_fault: Callable[[], Reason] = lambda: NO_REASON

    async def ask_busy(self, _: BusySettings, container: Container) -> BusyAnswer:
        self.asked.append(container.service)
        return BusyAnswer(self.verdict)

    async def find_objection(self, _: InstanceId, __: DrillFault) -> Reason:
        return NO_REASON


def orders_of(
    world: DrillWorld,
    answers: Answers,
    engine_host: str = "",
    link: EngineConnection | None = None,
) -> DrillOrders:
    engine = link or SimpleNamespace(host=engine_host)
    loop = SimpleNamespace(state=lambda: world.state, post=answers.posted.append)
    return DrillOrders(
        cast("EngineContext", SimpleNamespace(link=engine, stack="demo")),
        cast("ProbingParts", SimpleNamespace(drills=answers, prober=answers)),
        LoopClock(),
        cast("LoopAccess", loop),
    )


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (BusyVerdict.FREE, R.NONE),
        (BusyVerdict.BUSY, R.DRILL_BUSY),
        (BusyVerdict.UNCLEAR, R.DRILL_BUSY_UNCLEAR),
    ],
)
async def test_busy_dependent_objects_to_a_drill_of_what_it_needs(
    verdict: BusyVerdict, code: R
) -> None:
    plain = replace(WALLET, probes=SERVICE.probes)
    world = DrillWorld(targets=(plain, replace(SERVICE, busy=BUSY)))
    answers = Answers(verdict)
    orders = orders_of(world, answers)
    facts = await orders.find_facts(world.instance(ROOT).id, DrillFault.KILL)
    assert facts.busy.code is code
    assert answers.asked == [LEAF]
    slow = await orders.find_facts(world.instance(ROOT).id, DrillFault.SLOW)
    assert slow.busy == NO_REASON


@pytest.mark.parametrize("address", ["docker-proxy", "10.9.8.7"])
async def test_proxy_before_the_engine_is_not_cut_off(address: str) -> None:
    world = DrillWorld(targets=(replace(WALLET, probes=SERVICE.probes), SERVICE))
    instance = world.instance(ROOT)
    assert instance.container is not None
    endpoint = Endpoint("net", ("10.9.8.7",), frozenset({"docker-proxy"}))
    container = replace(instance.container, endpoints=(endpoint,))
    world.state = replace_instances(world.state, replace(instance, container=container))
    answers = Answers(BusyVerdict.FREE)
    orders = orders_of(world, answers, address)
    for fault in DrillFault:
        facts = await orders.find_facts(instance.id, fault)
        is_cut = not fault.rule.on_connections
        assert facts.engine.code is (R.DRILL_CUTS_ENGINE if is_cut else R.NONE)
    others = orders_of(world, answers, "")
    assert not (await others.find_facts(instance.id, DrillFault.KILL)).engine


@pytest.mark.parametrize(
    ("docker_host", "host"),
    [
        ("tcp://Docker-Proxy:2375", "docker-proxy"),
        ("unix:///run/docker.sock", ""),
        ("", ""),
    ],
)
def test_engine_host_is_that_of_its_address(docker_host: str, host: str) -> None:
    assert address_from({"DOCKER_HOST": docker_host}).host == host


# --- wallets that would be lost


LASTING = {"Type": "volume", "Name": "wallet-data", "Destination": "/data"}
UNNAMED = LASTING | {"Name": "0" * 64}


def wallet_at(probe_paths: tuple[str, ...], backup_paths: tuple[str, ...]) -> Target:
    probe = ElectronCashProbe("http://electron-cash:7777/", wallet_path=probe_paths)
    backup = BackupSettings(backup_paths, "0 3 * * *") if backup_paths else None
    return replace(WALLET, probes=(probe,), backup=backup)


async def find_loss(
    server: EngineServer, wallet: Target, fault: DrillFault, container_id: str = OWN
) -> Reason:
    """Why the wallet would be lost with this container of the engine."""
    world = DrillWorld(targets=(wallet, SERVICE))
    instance = world.instance(ROOT)
    box = container(ROOT, id=container_id)
    world.state = replace_instances(world.state, replace(instance, container=box))
    link = link_to(server, [])
    orders = orders_of(world, Answers(BusyVerdict.FREE), link=link)
    facts = await orders.find_facts(instance.id, fault)
    await link.close()
    return facts.loss


@pytest.mark.parametrize(
    ("mounts", "code"),
    [
        ([], R.WALLET_NOT_ON_VOLUME),
        ([UNNAMED], R.WALLET_ON_UNNAMED_VOLUME),
        ([LASTING], R.NONE),
    ],
)
@pytest.mark.parametrize("fault", [DrillFault.KILL, DrillFault.STOP, DrillFault.HANG])
async def test_wallet_that_would_be_lost_with_its_container_objects(
    server: EngineServer, fault: DrillFault, mounts: list[dict[str, str]], code: R
) -> None:
    server.containers[OWN]["Mounts"] = mounts
    wallet = wallet_at(("/data/wallet",), ())
    assert (await find_loss(server, wallet, fault)).code is code
    assert await find_loss(server, wallet, DrillFault.SLOW) == NO_REASON


async def test_wallet_files_are_also_those_that_are_backed_up(
    server: EngineServer,
) -> None:
    server.containers[OWN]["Mounts"] = [LASTING]
    for path, code in (
        ("/data/wallet", R.NONE),
        ("/home/wallet", R.WALLET_NOT_ON_VOLUME),
    ):
        wallet = wallet_at((), (path,))
        assert (await find_loss(server, wallet, DrillFault.KILL)).code is code


async def test_wallet_of_which_nothing_is_known_objects_as_well(
    server: EngineServer,
) -> None:
    """A wallet whose files cannot be read may be lost."""
    unknown = await find_loss(server, wallet_at((), ()), DrillFault.KILL)
    assert unknown.code is R.WALLET_FOLDER_UNKNOWN
    wallet = wallet_at(("/data/wallet",), ())
    unread = await find_loss(server, wallet, DrillFault.KILL, "d" * 64)
    assert unread.code is R.WALLET_FOLDER_UNREAD


# --- the store, the metrics, and planned drills


class FullStore:
    """A store that writes nothing any more, with one drill on record."""

    def __init__(self) -> None:
        record = drill_record(ROOT, 100.0, 120.0)
        self.journal = MemoryJournal(drill_records=[record])

    def component(self) -> Component:
        return Component("store", ok=False, reason="disk full", since_wall=0.0)


def test_store_that_cannot_keep_the_undo_objects_and_its_records_are_counted() -> None:
    async def main() -> None:
        world = DrillWorld(targets=(replace(WALLET, probes=SERVICE.probes), SERVICE))
        answers = Answers(BusyVerdict.FREE)
        orders = orders_of(world, answers)
        metrics = Metrics(CollectorRegistry(), "0.1.0", tuple)
        store = cast("SqliteStore", FullStore())
        running = asyncio.create_task(orders.run(store, metrics))
        await asyncio.sleep(1.0)
        for fault in (DrillFault.KILL, DrillFault.SLOW):
            facts = await orders.find_facts(world.instance(ROOT).id, fault)
            assert facts.store == text_reason("disk full")
        assert answers.find_store_fault() == text_reason("disk full")
        results = {gauge.name: dict(rows) for gauge, rows in metrics.drills.gauges()}
        assert results["sidecar_drill_last_result"] == {(ROOT, "refuse"): True}
        running.cancel()

    run_virtual(main())


def test_planned_drill_is_that_of_the_first_replica_that_works() -> None:
    async def main() -> None:
        plan = DrillPlan("0 * * * *", DrillFault.KILL)
        service = replace(SERVICE, drill=plan, busy=BUSY)
        world = DrillWorld(targets=(WALLET, service))
        world.containers[InstanceId(LEAF, 2)] = container(LEAF, 2)
        world.relist()
        world.works(f"{LEAF}-2")
        world.fails(f"{LEAF}-1", Cause.HTTP_5XX)
        answers = Answers(BusyVerdict.BUSY)
        orders = orders_of(world, answers)
        orders.planner.set_targets((service,))
        running = asyncio.create_task(orders.planner.run())
        await asyncio.sleep(3600.0)
        running.cancel()
        (event,) = answers.posted
        assert isinstance(event, DrillRequested)
        assert event.instance == InstanceId(LEAF, 2)
        assert (event.fault, event.trigger) == (DrillFault.KILL, Trigger.PLANNED)
        assert event.forced, "the schedule is the consent"
        assert event.facts.busy.code is R.DRILL_BUSY

    ZoneInfo("UTC")  # Loaded by the configuration: the loop must not read files.
    run_virtual(main())
