"""Incidents, history and reports, asked over a real socket."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    WalletFacts,
    probe_success,
)
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.web.duration_param import DAY_S
from sidecar.web.routes.history import MAX_ENTRIES
from sidecar.web.server import WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.memory_journal import MemoryJournal
from tests.support.rule_world import EPOCH

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
DEADLINE = aiohttp.ClientTimeout(total=10)
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


class Archive(ApiServiceFakes):
    """An office with durations in days and hours."""

    def __init__(self, journal: MemoryJournal | None = None) -> None:
        super().__init__()
        if journal is not None:
            self.journal = journal
        self.desk = self.without(seconds=days, journal=self.journal)


def days(text: str) -> float:
    sizes = {"d": DAY_S, "h": 3600.0, "s": 1.0}
    if text[-1:] not in sizes or not text[:-1].isdecimal():
        raise ValueError(text)
    return int(text[:-1]) * sizes[text[-1]]


class Caller:
    def __init__(self, office: Archive, port: int) -> None:
        self.office = office
        self.http = aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=DEADLINE)

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(f"/api/v1{path}", headers=headers) as response:
            return response.status, await response.json()


async def called(office: Archive) -> AsyncGenerator[Caller, None]:
    server = WebServer(office.desk, "127.0.0.1", 0)
    await server.start()
    caller = Caller(office, server.port)
    try:
        yield caller
    finally:
        await caller.http.close()
        async with asyncio.timeout(5):
            await server.stop()


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async for one in called(Archive()):
        yield one


def holds(confirmed: str) -> ProbeResult:
    """A wallet daemon is well and says what it has."""
    return probe_success(wallet=WalletFacts(balance=Balance(Decimal(confirmed))))


def refused(office: ApiServiceFakes) -> str:
    """The root is down; the incident's id."""
    office.world.relist()
    office.world.fails(WALLET, Cause.REFUSED)
    which = office.world.instance(WALLET).incident
    assert which is not None
    return which


def refused_and_healed(office: ApiServiceFakes) -> str:
    """One incident from its beginning to its end; its id."""
    world = office.world
    which = refused(office)
    world.fails(SERVICE, Cause.HTTP_5XX)
    world.acted(WALLET, RemedyCallResult.DONE)
    world.works(WALLET)
    world.works(SERVICE)
    return which


# --- incidents


async def test_incidents_newest_first_and_the_open_ones_alone(caller: Caller) -> None:
    assert await caller.get("/incidents") == (200, {"incidents": []})
    healed = refused_and_healed(caller.office)
    caller.office.world.wait(60.0)
    caller.office.world.relist()
    caller.office.world.fails(WALLET, Cause.AUTH)
    going_on = caller.office.world.instance(WALLET).incident
    _, told = await caller.get("/incidents")
    assert [i["id"] for i in told["incidents"]] == [going_on, healed]
    assert [i["state"] for i in told["incidents"]] == ["open", "resolved"]
    for query, count in (("open=1", 1), ("open=0", 2)):
        _, told = await caller.get(f"/incidents?{query}")
        assert len(told["incidents"]) == count


async def test_one_incident_with_its_course(caller: Caller) -> None:
    which = refused_and_healed(caller.office)
    caller.office.journal.bundles[which] = [{"name": WALLET, "log": "secret log"}]
    status, told = await caller.get(f"/incidents/{which.lower()}")
    assert (status, told["id"], told["affected"]) == (200, which, [SERVICE])
    assert [i["target"] for i in told["impact"]] == [WALLET, SERVICE]
    assert told["impact"][0]["down_seconds"] > 0
    assert [(r["action"], r["outcome"]) for r in told["remedies"]] == [
        ("restart", "recovered")
    ]
    assert told["efficacy"][0]["tries"] == 1
    times = [line["at"] for line in told["timeline"]]
    assert times == sorted(times)
    assert any("incident resolved" in line["text"] for line in told["timeline"])
    assert told["began_at"] < told["opened_at"]


async def test_what_is_in_a_wallet_takes_the_token(caller: Caller) -> None:
    world = caller.office.world
    world.probe(WALLET, holds("9917.25"))
    which = refused(caller.office)
    world.acted(WALLET)
    world.probe(WALLET, holds("9917.5"))
    world.probe(WALLET, holds("9917.5"))
    world.wait(1.0)
    for path in (f"/incidents/{which}", "/history"):
        _, told = await caller.get(path)
        assert "not the same as before" in str(told)
        assert "9917" not in str(told)
        _, told = await caller.get(path, **WITH_TOKEN)
        assert "9917.25" in str(told)
        assert "9917.5" in str(told)


async def test_evidence_shows_a_log_and_takes_the_token(caller: Caller) -> None:
    which = refused_and_healed(caller.office)
    caller.office.journal.bundles[which] = [{"name": WALLET, "log": "secret log"}]
    _, told = await caller.get(f"/incidents/{which}")
    assert told["evidence"] == []
    _, told = await caller.get(f"/incidents/{which}", Authorization="Bearer wrong")
    assert told["evidence"] == []
    _, told = await caller.get(f"/incidents/{which}", **WITH_TOKEN)
    assert told["evidence"] == [{"name": WALLET, "log": "secret log"}]
    for headers, shown in (({}, False), (WITH_TOKEN, True)):
        path = f"/api/v1/incidents/{which}/postmortem"
        async with caller.http.get(path, headers=headers) as response:
            assert response.status == 200
            assert response.content_type == "text/markdown"
            document = await response.text()
        assert document.startswith("# Post-mortem: electron-cash did not accept")
        assert ("secret log" in document) is shown


# --- history


async def test_history_has_the_records_of_the_stream(caller: Caller) -> None:
    which = refused_and_healed(caller.office)
    status, told = await caller.get("/history")
    assert status == 200
    assert told["complete"] is True
    kinds = {e["type"] for e in told["entries"]}
    assert kinds == {"transition", "decision", "outcome", "balance", "incident"}
    recent = caller.office.feed.recent(1000)
    assert len(told["entries"]) == len(recent)
    last, streamed = told["entries"][-1], dict(recent[-1])
    streamed.pop("number")
    assert last == streamed
    _, one = await caller.get(f"/history?target={SERVICE}&since=1h")
    assert {e["target"] for e in one["entries"]} == {SERVICE}
    assert which in {e["incident"] for e in one["entries"]}


async def test_history_since_then(caller: Caller) -> None:
    caller.office.world.wait(7200.0, step=600.0)
    refused_and_healed(caller.office)
    _, told = await caller.get("/history?since=1h")
    _, everything = await caller.get("/history?since=3h")
    assert 0 < len(told["entries"]) < len(everything["entries"])


async def test_a_long_history_is_cut_and_says_so(caller: Caller) -> None:
    now = caller.office.world.now.wall
    caller.office.journal.kept[:0] = [
        JournalEntry(
            now - (MAX_ENTRIES - n) * 100.0,
            EntryKind.DECISION,
            WALLET,
            None,
            {"type": "decision", "n": n},
        )
        for n in range(MAX_ENTRIES)
    ]
    _, told = await caller.get("/history?since=30d")
    assert len(told["entries"]) == MAX_ENTRIES
    assert told["complete"] is False
    assert told["entries"][-1]["type"] == "transition"
    _, told = await caller.get("/history?since=1d")
    assert told["complete"] is True
    assert len(told["entries"]) < MAX_ENTRIES


async def test_a_target_that_left_is_still_on_record(caller: Caller) -> None:
    old = JournalEntry(
        caller.office.world.now.wall - 5.0,
        EntryKind.STATE,
        "gone",
        None,
        {"type": "transition", "from": "healthy", "to": "down"},
    )
    caller.office.journal.kept.append(old)
    status, told = await caller.get("/history?target=gone")
    assert (status, len(told["entries"])) == (200, 1)
    caller.office.journal.kept.clear()
    nothing = {"complete": True, "entries": []}
    assert await caller.get(f"/history?target={WALLET}") == (200, nothing)
    status, told = await caller.get("/history?target=never-was")
    assert status == 404
    assert "nothing is on record" in told["error"]


async def test_path_of_an_earlier_version_names_the_one_of_today(
    caller: Caller,
) -> None:
    status, told = await caller.get("/history/cures")
    assert status == 410
    assert "/api/v1/remedies" in told["error"]


async def test_the_ledger(caller: Caller) -> None:
    assert await caller.get("/remedies") == (200, {"remedies": []})
    refused_and_healed(caller.office)
    _, told = await caller.get("/remedies")
    (line,) = told["remedies"]
    assert line.pop("median_seconds") > 0
    assert line == {
        "target": WALLET,
        "cause": "refused",
        "remedy": "restart",
        "tries": 1,
        "recovered": 1,
    }


# --- report


async def test_a_report_of_what_was_measured(caller: Caller) -> None:
    refused_and_healed(caller.office)
    caller.office.world.wait(100.0)
    status, told = await caller.get("/report?window=1h")
    assert status == 200
    wallet = next(t for t in told["targets"] if t["target"] == WALLET)
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
    assert told["unwatched_seconds"] > 1000
    assert told["gaps"][0]["from"] == told["period"]["from"]
    assert told["total"]["outages"] == 2


async def test_the_seconds_since_we_noted_to_be_alive_are_no_gap(
    caller: Caller,
) -> None:
    which = refused_and_healed(caller.office)
    now_wall = caller.office.world.now.wall
    caller.office.journal.stretches = [MonitoredInterval(EPOCH - 1e6, now_wall - 7.0)]
    _, told = await caller.get(f"/incidents/{which}")
    assert [one["unmeasured_seconds"] for one in told["impact"]] == [0.0, 0.0]
    _, told = await caller.get("/report?window=1h")
    assert (told["unwatched_seconds"], told["gaps"]) == (0.0, [])


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
    status, told = await caller.get(path)
    assert status == 400
    assert says in told["error"]
    assert len(told["error"]) < 200


async def test_an_incident_that_is_not_there(caller: Caller) -> None:
    which = "0" * 26
    for path in (f"/incidents/{which}", f"/incidents/{which}/postmortem"):
        status, told = await caller.get(path)
        assert (status, which in told["error"]) == (404, True)


class Broken(MemoryJournal):
    async def watched(  # type: ignore[explicit-override]
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        raise StoreUnavailable("the disk is gone: look at it")


async def test_a_broken_store_is_503_with_its_reason() -> None:
    async for caller in called(Archive(Broken())):
        status, told = await caller.get("/report")
        assert (status, told) == (503, {"error": "the disk is gone: look at it"})
