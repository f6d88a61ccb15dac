"""The state survives a restart; an ordinary step writes nothing."""

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartDue,
    RecoverRequested,
    ResumeRequested,
    Tick,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.journal_entry import EntryKind, RemedySummary, StateChange
from sidecar.core.model.state import EfficacyKey, State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import PlannedRestartSettings
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reason.reason import NO_REASON, text_reason
from sidecar.storage.codec import persistent_part
from sidecar.storage.database import DATABASE
from sidecar.storage.schema import MIGRATIONS
from sidecar.storage.store import open_store
from sidecar.storage.write.batch import WriteBatch
from tests.support.fakes import FakeClock
from tests.support.memory_journal import steps_of
from tests.support.repository import REPOSITORY
from tests.support.rule_world import SERVICE, WALLET
from tests.support.stored_world import (
    LEAF,
    ROOT,
    StoredWorld,
    append_all,
    change_database,
    open_test_store,
    query_database,
)

REFUSED = StateChange("healthy", "failing", "refused")
RESTARTED = RemedySummary("restart", "failure", "recovered")
DATA = REPOSITORY / "tests" / "data"


def stored_part(state: State) -> tuple[object, ...]:
    """Parts of a state that must be loaded again."""
    return (
        {i: persistent_part(instance) for i, instance in state.instances.items()},
        state.incidents,
        state.ledger,
        state.paused,
        state.restarts,
        state.plan,
        state.numbers,
    )


async def test_empty_store_loads_none(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        assert await store.load() is None
        assert store.saved_at is None


async def test_state_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    world = StoredWorld(
        (replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *")), SERVICE)
    )
    clock = FakeClock(mono=4321.0)
    async with open_test_store(tmp_path, clock) as store:
        world.outage()
        world.fails(LEAF, Cause.AUTH)
        world.send(PauseRequested(world.now, (LEAF,)))
        world.wait(30_000.0, 100.0)
        world.works(ROOT)
        world.send(PlannedRestartDue(world.now, ROOT))
        world.fails(LEAF, Cause.AUTH, times=2)
        await append_all(store, *world.take())
    assert world.state.incidents
    assert world.state.ledger
    assert world.state.paused == {LEAF: float("inf")}
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    assert state is not None
    assert store.saved_at == state.started == clock.now()
    assert not state.targets
    # Those of the last probes are not written each time.
    for name in (ROOT, LEAF):
        loaded_instance = next(i for i in state.instances.values() if i.name == name)
        expected = persistent_part(world.instance(name))
        assert (
            replace(loaded_instance, health=expected.health, reason=expected.reason)
            == expected
        )
        assert loaded_instance.health.up == expected.health.up
        assert (
            loaded_instance.health.first_failure_mono
            == expected.health.first_failure_mono
        )
    assert stored_part(state)[1:] == stored_part(world.state)[1:]


async def test_plan_and_restarts_are_loaded(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.works(ROOT, LEAF)
        world.fails(ROOT, Cause.REFUSED)
        await append_all(store, *world.take())
    assert world.state.restarts
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    assert state is not None
    assert stored_part(state) == stored_part(world.state)
    (remedy,) = (i.remedy for i in state.instances.values() if i.remedy)
    assert remedy == world.instance(ROOT).remedy


async def test_new_process_writes_the_whole_state_again(tmp_path: Path) -> None:
    """Its monotonic clock differs: no time of the earlier process may remain."""
    world = StoredWorld()
    async with open_test_store(tmp_path, FakeClock(mono=50.0)) as store:
        world.outage()
        await append_all(store, *world.take())
    async with open_test_store(tmp_path, FakeClock(mono=9.0)) as store:
        before = await store.load()
        assert before is not None
        await store.note_alive(1.0)
        assert query_database(
            tmp_path, "SELECT value FROM memory WHERE name = 'clock'"
        ) == [("[50.0,1700000000.0]",)]
        moved = {
            i: replace(instance, run_mono=-7.0)
            for i, instance in before.instances.items()
        }
        after = replace(before, instances=build_table(moved), restarts=())
        waits = replace(
            after, restored_instances=after.instances, instances=build_table({})
        )
        tick = Tick(world.now)
        await store.append(StepResult(tick, (), (), (), waits))
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    assert state is not None
    assert {i.run_mono for i in state.instances.values()} == {-7.0}
    assert state.restarts == ()
    assert store.saved_at is not None
    assert store.saved_at.mono == 9.0


async def test_saved_at_is_the_last_time_alive(tmp_path: Path) -> None:
    clock = FakeClock(mono=50.0)
    async with open_test_store(tmp_path, clock) as store:
        await append_all(store, *StoredWorld().take())
        clock.advance(3600.0)
        await store.note_alive(clock.now().wall)
    async with open_test_store(tmp_path) as store:
        await store.load()
    assert store.saved_at == clock.now()


async def test_an_ordinary_probe_writes_nothing(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.works(ROOT, LEAF, times=3)
        await append_all(store, *world.take())
        other = sqlite3.connect(tmp_path / DATABASE)
        first = other.execute("PRAGMA data_version").fetchone()
        world.works(ROOT, LEAF, times=5)
        world.relist()
        await append_all(store, *world.take())
        assert other.execute("PRAGMA data_version").fetchone() == first
        world.fails(ROOT, Cause.REFUSED, times=1)
        await append_all(store, *world.take())
        assert other.execute("PRAGMA data_version").fetchone() != first
        other.close()


async def test_removed_instance_is_deleted(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        await append_all(store, *world.take())
    async with open_test_store(tmp_path) as store:
        await store.load()
        world.targets = (WALLET,)
        world.relist()
        await append_all(store, *world.take())
        assert query_database(tmp_path, "SELECT target FROM instances") == [(ROOT,)]


async def test_ended_pause_is_deleted(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 60))
        world.send(ResumeRequested(world.now, (ROOT,)))
        await append_all(store, *world.take())
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    assert state is not None
    assert state.paused == {}


async def test_report_of_a_lost_engine_is_loaded(tmp_path: Path) -> None:
    world = StoredWorld()
    for reachable in (False, True):
        async with open_test_store(tmp_path) as store:
            world.send(EngineReachabilityChanged(world.now, reachable, "no socket"))
            world.wait(61.0)
            await append_all(store, *world.take())
        async with open_test_store(tmp_path) as store:
            state = await store.load()
        assert state is not None
        assert state.engine.is_reported is not reachable


async def test_ledger_emptied_by_recover_stays_empty(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        await append_all(store, *world.take())
        assert world.state.ledger
    async with open_test_store(tmp_path) as store:
        await store.load()
        world.relist()
        world.send(RecoverRequested(world.now, ROOT))
        await append_all(store, *world.take())
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    assert state is not None
    assert state.ledger == {}


async def test_an_unreadable_row_is_set_aside_and_the_rest_comes_back(
    tmp_path: Path,
) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        world.fails(ROOT, Cause.AUTH)
        await append_all(store, *world.take())
    change_database(
        tmp_path, "UPDATE instances SET value = '{broken' WHERE target = ?", LEAF
    )
    change_database(tmp_path, "UPDATE ledger SET cause = 'of the future'")
    change_database(tmp_path, "UPDATE memory SET value = '7' WHERE name = 'paused'")
    change_database(
        tmp_path, "UPDATE incidents SET value = '' WHERE resolved_wall IS NULL"
    )
    async with open_test_store(tmp_path) as store:
        state = await store.load()
    async with open_test_store(tmp_path) as store:
        again = await store.load()
    assert state is not None
    (loaded_instance,) = state.instances.values()
    assert replace(loaded_instance, incident="x") == replace(
        persistent_part(world.instance(ROOT)), incident="x"
    )
    assert loaded_instance.incident is None
    assert len(state.incidents) == len(world.state.incidents) - 1
    assert not state.ledger
    aside = query_database(
        tmp_path, "SELECT source, value FROM set_aside ORDER BY source"
    )
    assert [source for source, _ in aside] == [
        "incidents",
        "instances",
        "ledger",
        "memory",
    ]
    assert aside[1] == ("instances", "{broken")
    assert again == state


async def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    state_dir = tmp_path / "a" / "state"
    async with open_test_store(state_dir) as store:
        await append_all(store, *StoredWorld().take())
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in state_dir.iterdir()}
    assert modes == dict.fromkeys(
        ("sidecar.db", "sidecar.db-wal", "sidecar.db-shm", "sidecar.lock"), 0o600
    )
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS) + 1))
async def test_a_store_of_every_released_version_opens(
    tmp_path: Path, number: int
) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.executescript((DATA / f"store-v{number}.sql").read_text())
    connection.close()
    async with open_test_store(tmp_path) as store:
        state = await store.load()
        assert state is not None
        assert {i.name for i in state.instances.values()} == {ROOT, LEAF}
        (root,) = (i for i in state.instances.values() if i.name == ROOT)
        assert root.restarts_total == 1
        (incident,) = await store.journal.incidents(open_only=True)
        assert incident == state.incidents[incident.id]
        assert await store.journal.evidence(incident.id)
        assert await store.journal.monitored_intervals(0.0, 2e9)
        entries = await store.journal.entries(0.0, 2e9)
        pieces = [piece async for piece in store.journal.steps(0.0, 2e9)]
        steps = [of_target for piece in pieces for of_target in piece]
        assert {step for _, of in steps for step in of.steps} >= {REFUSED, RESTARTED}
        assert dict(steps) == dict(steps_of(entries))
        waiting = await store.outbox.due("ops", 2e9)
        assert waiting is not None
        assert waiting.facts["target"] == ROOT
        world = StoredWorld()
        world.outage()
        await append_all(store, *world.take())
        assert store.component().ok
    assert query_database(tmp_path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


async def test_store_of_version_2_gets_todays_names_and_reasons(
    tmp_path: Path,
) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.executescript((DATA / "store-v2-names.sql").read_text())
    connection.close()
    async with open_test_store(tmp_path) as store:
        state = await store.load()
        assert state is not None
        (leaf,) = (i for i in state.instances.values() if i.name == LEAF)
        assert leaf.last_decision is not None
        assert leaf.last_decision.guard is Guard.DEPENDENCY
        assert leaf.reason == text_reason("it is http_5xx")
        assert str(leaf.last_decision.reason).startswith("failure 3: it is http_5xx")
        assert leaf.load_failure == NO_REASON
        (key,) = state.ledger
        assert key == EfficacyKey(ROOT, Cause.REFUSED, RemedyKind.RESTART)
        decisions = await store.journal.entries(
            0.0, 2e9, kinds=frozenset({EntryKind.DECISION})
        )
        guards = {entry.data["guard"] for entry in decisions}
        assert guards == {"none", "threshold", "dependency"}


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    change_database(tmp_path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreUnavailable, match="newer sidecar"):
        await open_store(tmp_path, FakeClock())
    assert query_database(tmp_path, "SELECT * FROM sqlite_master") == []


async def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path,
) -> None:
    change_database(tmp_path, "CREATE TABLE watched (mine)")
    with pytest.raises(StoreUnavailable, match="already exists"):
        await open_store(tmp_path, FakeClock())
    assert query_database(tmp_path, "PRAGMA user_version") == [(0,)]
    assert query_database(tmp_path, "SELECT name FROM sqlite_master") == [("watched",)]


def test_an_empty_batch_is_false() -> None:
    assert not WriteBatch()
    assert WriteBatch(stretches={1.0: 2.0})
