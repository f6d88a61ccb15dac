"""Incidents, history and reports, requested over a real socket."""

from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.web.routes.history import MAX_ENTRIES
from tests.support.incident_archive import (
    SERVICE,
    WALLET,
    WITH_TOKEN,
    Archive,
    Caller,
    balance_probe,
    record_healed_incident,
    record_open_incident,
    serve_archive,
)
from tests.support.memory_journal import MemoryJournal
from tests.support.rule_world import EPOCH


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async for one in serve_archive(Archive()):
        yield one


# --- incidents


async def test_incidents_are_listed_newest_first_and_filtered_by_open(
    caller: Caller,
) -> None:
    assert await caller.get("/incidents") == (200, {"incidents": []})
    healed = record_healed_incident(caller.archive)
    caller.archive.world.wait(60.0)
    caller.archive.world.relist()
    caller.archive.world.fails(WALLET, Cause.AUTH)
    going_on = caller.archive.world.instance(WALLET).incident
    _, body = await caller.get("/incidents")
    assert [i["id"] for i in body["incidents"]] == [going_on, healed]
    assert [i["state"] for i in body["incidents"]] == ["open", "resolved"]
    for query, count in (("open=1", 1), ("open=0", 2)):
        _, body = await caller.get(f"/incidents?{query}")
        assert len(body["incidents"]) == count


async def test_incident_has_its_impact_remedies_and_timeline(caller: Caller) -> None:
    incident_id = record_healed_incident(caller.archive)
    caller.archive.journal.bundles[incident_id] = [
        {"name": WALLET, "log": "secret log"}
    ]
    status, body = await caller.get(f"/incidents/{incident_id.lower()}")
    assert (status, body["id"], body["affected"]) == (200, incident_id, [SERVICE])
    assert [i["target"] for i in body["impact"]] == [WALLET, SERVICE]
    assert body["impact"][0]["down_seconds"] > 0
    assert [(r["action"], r["outcome"]) for r in body["remedies"]] == [
        ("restart", "recovered")
    ]
    assert body["efficacy"][0]["tries"] == 1
    times = [line["at"] for line in body["timeline"]]
    assert times == sorted(times)
    assert any("incident resolved" in line["text"] for line in body["timeline"])
    assert body["began_at"] < body["opened_at"]


async def test_wallet_balance_needs_the_token(caller: Caller) -> None:
    world = caller.archive.world
    world.probe(WALLET, balance_probe("9917.25"))
    incident_id = record_open_incident(caller.archive)
    world.complete_remedy(WALLET)
    world.probe(WALLET, balance_probe("9917.5"))
    world.probe(WALLET, balance_probe("9917.5"))
    world.wait(1.0)
    for path in (f"/incidents/{incident_id}", "/history"):
        _, body = await caller.get(path)
        assert "not the same as before" in str(body)
        assert "9917" not in str(body)
        _, body = await caller.get(path, **WITH_TOKEN)
        assert "9917.25" in str(body)
        assert "9917.5" in str(body)


async def test_evidence_with_its_log_needs_the_token(caller: Caller) -> None:
    incident_id = record_healed_incident(caller.archive)
    caller.archive.journal.bundles[incident_id] = [
        {"name": WALLET, "log": "secret log"}
    ]
    _, body = await caller.get(f"/incidents/{incident_id}")
    assert body["evidence"] == []
    _, body = await caller.get(
        f"/incidents/{incident_id}", Authorization="Bearer wrong"
    )
    assert body["evidence"] == []
    _, body = await caller.get(f"/incidents/{incident_id}", **WITH_TOKEN)
    assert body["evidence"] == [{"name": WALLET, "log": "secret log"}]
    for headers, visible in (({}, False), (WITH_TOKEN, True)):
        path = f"/api/v1/incidents/{incident_id}/postmortem"
        async with caller.http.get(path, headers=headers) as response:
            assert response.status == 200
            assert response.content_type == "text/markdown"
            document = await response.text()
        assert document.startswith("# Post-mortem: electron-cash did not accept")
        assert ("secret log" in document) is visible


# --- history


async def test_history_has_the_records_of_the_stream(caller: Caller) -> None:
    incident_id = record_healed_incident(caller.archive)
    status, body = await caller.get("/history")
    assert status == 200
    assert body["complete"] is True
    kinds = {e["type"] for e in body["entries"]}
    assert kinds == {"transition", "decision", "outcome", "balance", "incident"}
    recent = caller.archive.feed.recent(1000)
    assert len(body["entries"]) == len(recent)
    last, streamed = body["entries"][-1], dict(recent[-1])
    streamed.pop("number")
    assert last == streamed
    _, one = await caller.get(f"/history?target={SERVICE}&since=1h")
    assert {e["target"] for e in one["entries"]} == {SERVICE}
    assert incident_id in {e["incident"] for e in one["entries"]}


async def test_history_is_limited_by_since(caller: Caller) -> None:
    caller.archive.world.wait(7200.0, step=600.0)
    record_healed_incident(caller.archive)
    _, body = await caller.get("/history?since=1h")
    _, everything = await caller.get("/history?since=3h")
    assert 0 < len(body["entries"]) < len(everything["entries"])


async def test_a_long_history_is_cut_and_says_so(caller: Caller) -> None:
    now = caller.archive.world.now.wall
    caller.archive.journal.stored_entries[:0] = [
        JournalEntry(
            now - (MAX_ENTRIES - n) * 100.0,
            EntryKind.DECISION,
            WALLET,
            None,
            {"type": "decision", "n": n},
        )
        for n in range(MAX_ENTRIES)
    ]
    _, body = await caller.get("/history?since=30d")
    assert len(body["entries"]) == MAX_ENTRIES
    assert body["complete"] is False
    assert body["entries"][-1]["type"] == "transition"
    _, body = await caller.get("/history?since=1d")
    assert body["complete"] is True
    assert len(body["entries"]) < MAX_ENTRIES


async def test_a_target_that_left_is_still_on_record(caller: Caller) -> None:
    old = JournalEntry(
        caller.archive.world.now.wall - 5.0,
        EntryKind.STATE,
        "gone",
        None,
        {"type": "transition", "from": "healthy", "to": "down"},
    )
    caller.archive.journal.stored_entries.append(old)
    status, body = await caller.get("/history?target=gone")
    assert (status, len(body["entries"])) == (200, 1)
    caller.archive.journal.stored_entries.clear()
    nothing = {"complete": True, "entries": []}
    assert await caller.get(f"/history?target={WALLET}") == (200, nothing)
    status, body = await caller.get("/history?target=never-was")
    assert status == 404
    assert "nothing is on record" in body["error"]


async def test_path_of_an_earlier_version_names_the_one_of_today(
    caller: Caller,
) -> None:
    status, body = await caller.get("/history/cures")
    assert status == 410
    assert "/api/v1/remedies" in body["error"]


async def test_remedies_lists_the_ledger(caller: Caller) -> None:
    assert await caller.get("/remedies") == (200, {"remedies": []})
    record_healed_incident(caller.archive)
    _, body = await caller.get("/remedies")
    (line,) = body["remedies"]
    assert line.pop("median_seconds") > 0
    assert line == {
        "target": WALLET,
        "cause": "refused",
        "remedy": "restart",
        "tries": 1,
        "recovered": 1,
    }


# --- report


async def test_report_has_availability_outages_and_remedies(caller: Caller) -> None:
    record_healed_incident(caller.archive)
    caller.archive.world.wait(100.0)
    status, body = await caller.get("/report?window=1h")
    assert status == 200
    wallet = next(t for t in body["targets"] if t["target"] == WALLET)
    assert 0.5 < wallet["availability"] < 1.0
    assert wallet["outages"] == 1
    assert wallet["causes"][0]["cause"] == "refused"
    assert wallet["restarts"] == 1
    assert wallet["remedies"] == [
        {
            "action": "restart",
            "trigger": "failure",
            "outcome": "recovered",
            "count": 1,
        }
    ]
    assert wallet["before"] is None
    seconds = ("up", "down", "planned", "stopped", "gap")
    assert sum(wallet[f"{s}_seconds"] for s in seconds) == pytest.approx(3600, abs=0.1)
    assert body["unwatched_seconds"] > 1000
    assert body["gaps"][0]["from"] == body["period"]["from"]
    assert body["total"]["outages"] == 2


async def test_time_since_the_last_alive_note_is_no_gap(
    caller: Caller,
) -> None:
    incident_id = record_healed_incident(caller.archive)
    now_wall = caller.archive.world.now.wall
    caller.archive.journal.intervals = [MonitoredInterval(EPOCH - 1e6, now_wall - 7.0)]
    _, body = await caller.get(f"/incidents/{incident_id}")
    assert [one["unmeasured_seconds"] for one in body["impact"]] == [0.0, 0.0]
    _, body = await caller.get("/report?window=1h")
    assert (body["unwatched_seconds"], body["gaps"]) == (0.0, [])


# --- what cannot be answered


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/incidents?open=yes", "open=yes"),
        ("/incidents/nonsense", "26 letters"),
        ("/incidents/nonsense/postmortem", "26 letters"),
        ("/history?since=tomorrow", "since=tomorrow"),
        ("/history?since=0d", "since=0d"),
        ("/history?since=367d", "at most 366d"),
        ("/history?since=", "since="),
        ("/report?window=-1d", "window=-1d"),
        ("/report?windw=1d", "unknown parameter windw; possible: window"),
        ("/report?window=1d&window=2d", "more than once"),
        ("/history?from=1d", "possible: since, target"),
        ("/history?" + "x" * 5000, "unknown parameter xxx"),
        ("/incidents?opened=1", "possible: open"),
        ("/schedule?count=" + "9" * 5000, "count=99"),
        ("/schedule?count=%D9%A1", "from 1 to 100"),
        ("/report?window=" + "9" * 5000 + "d", "window=99"),
    ],
)
async def test_a_bad_parameter_is_named(caller: Caller, path: str, says: str) -> None:
    status, body = await caller.get(path)
    assert status == 400
    assert says in body["error"]
    assert len(body["error"]) < 200


async def test_unknown_incident_is_404(caller: Caller) -> None:
    incident_id = "0" * 26
    for path in (f"/incidents/{incident_id}", f"/incidents/{incident_id}/postmortem"):
        status, body = await caller.get(path)
        assert (status, incident_id in body["error"]) == (404, True)


class Broken(MemoryJournal):
    async def monitored_intervals(  # type: ignore[explicit-override]
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        raise StoreUnavailable("the disk is gone: look at it")


async def test_a_broken_store_is_503_with_its_reason() -> None:
    async for caller in serve_archive(Archive(Broken())):
        status, body = await caller.get("/report")
        assert (status, body) == (503, {"error": "the disk is gone: look at it"})
