"""Recorded events can be read back, and are deleted when old."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import EvidenceGathered, RemedyExecuted, Tick
from sidecar.core.model.journal_entry import EntryKind, MonitoredInterval
from sidecar.core.model.probe_result import Balance, WalletFacts, probe_success
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.storage import Journal, Outbox, Store, StoreUnavailable
from sidecar.core.text.formatting import rfc3339
from sidecar.storage.read.journal import MOST_ENTRIES
from sidecar.storage.read.reader import WAITING_QUESTIONS
from sidecar.storage.store import SqliteStore
from sidecar.storage.write.insert import EVIDENCE_PER_INCIDENT
from tests.support.rule_world import EPOCH
from tests.support.stored_world import (
    LEAF,
    ROOT,
    StoredWorld,
    append_all,
    change_database,
    message,
    open_test_store,
    query_database,
)

DAY_S = 86_400.0
ALL = (0.0, 2e9)


async def append_remedy(
    store: SqliteStore, world: StoredWorld, evidence: dict[str, object]
) -> None:
    """Append an executed remedy with the evidence gathered before it."""
    event = next(
        step.event
        for step in reversed(world.turns)
        if isinstance(step.event, RemedyExecuted)
    )
    step = StepResult(event, (), (), (), world.state, evidence=evidence)
    await store.append(step)


async def record_outage(store: SqliteStore, world: StoredWorld) -> str:
    """Record an open incident with evidence; return its id."""
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.turns, turns = world.turns[-1:], world.turns
    await append_all(store, *turns)
    await append_remedy(store, world, {"log": "last words", "processes": []})
    world.take()
    incident_id = world.instance(ROOT).incident
    assert incident_id is not None
    return incident_id


async def test_store_satisfies_its_protocols(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as opened_store:
        store: Store = opened_store
        journal: Journal = opened_store.journal
        box: Outbox = opened_store.outbox
        assert store.component().ok
        assert await journal.incident("none") is None
        assert await box.count_pending() == {}


async def test_reasons_are_read_back_with_their_parameters(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        turns = world.take()
        await append_all(store, *turns)
        entries = await store.journal.entries(*ALL)
    recorded = [item for turn in turns for item in (*turn.transitions, *turn.decisions)]
    assert {e.reason for e in entries} == {item.reason for item in recorded}
    assert any(e.reason.parameters for e in entries)
    assert not any("reason_data" in e.data for e in entries)


async def test_reason_of_an_earlier_version_is_its_sentence(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        await append_all(store, *world.take())
    change_database(
        tmp_path, "UPDATE journal SET data = json_remove(data, '$.reason_data')"
    )
    async with open_test_store(tmp_path) as store:
        entries = await store.journal.entries(*ALL)
    assert all(str(e.reason) == e.data["reason"] for e in entries)


async def test_every_kind_is_in_the_journal_in_order(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.outage()
        await append_all(store, *world.take())
        entries = await store.journal.entries(*ALL)
    assert [e.at_wall for e in entries] == sorted(e.at_wall for e in entries)
    assert {e.kind for e in entries} == set(EntryKind)
    assert len(entries) == len(world.transitions) + len(world.decisions)
    (remedy,) = (e for e in entries if e.kind is EntryKind.REMEDY)
    assert remedy.target == ROOT
    assert remedy.incident in world.state.incidents
    assert remedy.data["outcome"] == "recovered"
    assert remedy.data["at"] == rfc3339(remedy.at_wall)


async def test_journal_is_filtered_by_time_target_incident_and_kind(
    tmp_path: Path,
) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        incident_id = await record_outage(store, world)
        ask = store.journal.entries
        everything = await ask(*ALL)
        middle = everything[len(everything) // 2].at_wall
        early, late = await ask(0.0, middle), await ask(middle, 2e9)
        assert early + late == everything
        assert early
        leaf = await ask(*ALL, target=LEAF)
        assert leaf == tuple(e for e in everything if e.target == LEAF)
        of_it = await ask(*ALL, incident=incident_id)
        assert of_it == tuple(e for e in everything if e.incident == incident_id)
        kinds = frozenset({EntryKind.DECISION, EntryKind.INCIDENT})
        some = await ask(*ALL, kinds=kinds, target=ROOT)
        assert {e.kind for e in some} == kinds
        assert await ask(*ALL, target="' OR 1=1 --") == ()


async def test_a_balance_is_kept_with_its_amounts_when_it_is_compared(
    tmp_path: Path,
) -> None:
    world = StoredWorld()
    balance_probe = probe_success(wallet=WalletFacts(balance=Balance(Decimal("17.25"))))
    async with open_test_store(tmp_path) as store:
        world.works(ROOT, LEAF)
        world.probe(ROOT, balance_probe)
        await append_all(store, *world.take())
        first_instance = world.instance(ROOT)
        world.probe(ROOT, balance_probe)
        await append_all(store, *world.take())
        assert "17.25" not in str(
            query_database(tmp_path, "SELECT value FROM instances")
        )
        world.fails(ROOT, Cause.REFUSED)
        await append_all(store, *world.take())
        assert "17.25" in str(query_database(tmp_path, "SELECT value FROM instances"))
        world.complete_remedy(ROOT)
        world.probe(ROOT, balance_probe)
        world.probe(ROOT, balance_probe)
        await append_all(store, *world.take())
        kinds = frozenset({EntryKind.BALANCE})
        (entry,) = await store.journal.entries(*ALL, kinds=kinds)
    assert first_instance.balance == Balance(Decimal("17.25"))
    assert entry.data["comparison"] == "same"
    amounts = {"confirmed": "17.25", "unconfirmed": "0", "unmatured": "0"}
    assert entry.data["before"] == entry.data["after"] == amounts


async def test_incidents_are_listed_newest_first(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        for _ in range(3):
            world.outage()
            world.wait(4000.0, 500.0)
        world.works(ROOT, LEAF)
        incident_id = await record_outage(store, world)
        incidents = await store.journal.incidents()
        assert [i.id for i in incidents] == sorted(world.state.incidents, reverse=True)
        assert incidents[0] == world.state.incidents[incident_id]
        assert await store.journal.incidents(limit=2) == incidents[:2]
        assert await store.journal.incidents(open_only=True) == incidents[:1]
        assert await store.journal.incident(incident_id) == incidents[0]


async def test_evidence_is_bounded_and_the_first_bundle_stays(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        incident_id = await record_outage(store, world)
        world.complete_remedy(ROOT)
        for number in range(EVIDENCE_PER_INCIDENT + 5):
            await append_remedy(store, world, {"number": number, "log": "x" * 100_000})
        bundles = await store.journal.evidence(incident_id)
    assert len(bundles) == EVIDENCE_PER_INCIDENT
    assert bundles[0]["log"] == "last words"
    assert [b["number"] for b in bundles[1:]] == list(range(6, 25))


async def test_evidence_of_a_page_belongs_to_its_incident(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.works(ROOT, LEAF)
        world.fails(ROOT, Cause.AUTH)
        await append_all(store, *world.take())
        root = world.instance(ROOT)
        assert root.incident is not None
        gathered = EvidenceGathered(world.now, root.id, "the end")
        bundle = {"log": "all of it", "processes": [[1, 0, "S", "daemon"]]}
        await store.append(
            StepResult(gathered, (), (), (), world.state, evidence=bundle)
        )
        assert await store.journal.evidence(root.incident) == (bundle,)


async def test_evidence_without_an_incident_is_not_stored(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.works(ROOT, LEAF)
        world.complete_remedy(ROOT)
        await append_remedy(store, world, {"log": "all is well"})
    assert query_database(tmp_path, "SELECT * FROM evidence") == []


async def test_watched_time_has_gaps(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        for at in (100.0, 110.0, 160.0, 221.0, 230.0):
            await store.note_alive(at)
    async with open_test_store(tmp_path) as store:
        await store.note_alive(240.0)
        await store.note_alive(1000.0)
        assert await store.journal.monitored_intervals(0.0, 2000.0) == (
            MonitoredInterval(100.0, 160.0),
            MonitoredInterval(221.0, 240.0),
            MonitoredInterval(1000.0, 1000.0),
        )
        assert await store.journal.monitored_intervals(150.0, 230.0) == (
            MonitoredInterval(150.0, 160.0),
            MonitoredInterval(221.0, 230.0),
        )


async def test_a_clock_set_back_counts_no_time_twice(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        for at in (1000.0, 1050.0, 1045.0, 500.0, 550.0, 600.0, 660.0):
            await store.note_alive(at)
        for at in range(700, 1101, 50):
            await store.note_alive(float(at))
        assert await store.journal.monitored_intervals(0.0, 2000.0) == (
            MonitoredInterval(500.0, 1100.0),
        )


async def test_an_answer_too_large_is_refused_with_advice(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        change_database(
            tmp_path,
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < ?) INSERT INTO journal (at_wall, kind, target, data)"
            " SELECT i, 'state', 't' || (i % 2), '{}' FROM n",
            MOST_ENTRIES,
        )
        with pytest.raises(StoreUnavailable, match="ask for one target"):
            await store.journal.entries(*ALL)
        half = await store.journal.entries(*ALL, target="t1")
        assert len(half) == MOST_ENTRIES // 2


async def test_a_bad_record_is_left_out(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        incident_id = await record_outage(store, world)
        count = len(await store.journal.entries(*ALL))
        change_database(
            tmp_path, "UPDATE journal SET kind = 'of the future' WHERE id = 1"
        )
        change_database(tmp_path, "UPDATE journal SET data = '[]' WHERE id = 2")
        change_database(tmp_path, "UPDATE incidents SET value = '{}'")
        change_database(tmp_path, "UPDATE evidence SET value = '{'")
        assert len(await store.journal.entries(*ALL)) == count - 2
        assert await store.journal.incidents() == ()
        assert await store.journal.evidence(incident_id) == ()


async def test_too_many_queries_at_once_are_refused(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        asked = [
            asyncio.create_task(store.journal.incidents())
            for _ in range(WAITING_QUESTIONS + 1)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [a for a in answers if isinstance(a, StoreUnavailable)]
    assert len(refused) == 1
    assert "too many questions" in str(refused[0])


async def test_prune_deletes_old_records_and_keeps_open_ones(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        await record_outage(store, world)
        world.works(ROOT, LEAF, times=3)
        await append_all(store, *world.take())
        world.wait(4000.0, 500.0)
        still_open = await record_outage(store, world)
        world.take()
        messages = (message(1), message(2))
        tick = Tick(world.now)
        await store.append(StepResult(tick, (), (), (), world.state, messages))
        await store.outbox.mark_delivered("m1", EPOCH + 5000.0)
        await store.note_alive(EPOCH)
        end = world.now.wall
        assert not any((await store.prune(end, DAY_S)).values())
        later = end + 100 * DAY_S
        await store.note_alive(later)
        deleted_count = sum((await store.prune(later, 90 * DAY_S)).values())
        assert deleted_count > 10
        assert [i.id for i in await store.journal.incidents()] == [still_open]
        assert await store.journal.evidence(still_open)
        entries = await store.journal.entries(*ALL)
        assert entries
        assert {e.incident for e in entries} == {still_open}
        assert await store.outbox.count_pending() == {"ops": 1}
        assert await store.journal.monitored_intervals(0.0, 2e9) == (
            MonitoredInterval(later, later),
        )
        assert not any((await store.prune(later, 90 * DAY_S)).values())
    assert query_database(tmp_path, "SELECT id FROM outbox") == [("m2",)]
    assert query_database(tmp_path, "SELECT DISTINCT incident FROM evidence") == [
        (still_open,)
    ]
    assert query_database(tmp_path, "SELECT count(*) FROM instances") == [(2,)]


async def test_pruning_lets_appends_in_between(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        await append_all(store, *world.take())
        change_database(
            tmp_path,
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 19999) INSERT INTO journal (at_wall, kind, target, data)"
            " SELECT i, 'state', 't', '{}' FROM n",
        )
        pruning = asyncio.create_task(store.prune(EPOCH, DAY_S))
        appended = 0
        while not pruning.done():
            await store.note_alive(EPOCH + 100.0 * appended)
            appended += 1
        assert (await pruning)["journal"] == 20_000
        assert appended > 10
