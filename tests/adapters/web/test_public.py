"""Feed, badges and Statuspage's answers, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    MonitoredInterval,
    TargetSteps,
)
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.web.routes.public import DAY_S, FEED_KEPT_S, SUMMARY_KEPT_S, WINDOWS
from sidecar.web.server import WebServer
from tests.support.api_services import ApiServiceFakes, trigger_planned_restart
from tests.support.drill_world import drill_record
from tests.support.incident_archive import (
    SERVICE,
    WALLET,
    record_healed_incident,
    record_open_incident,
)
from tests.support.memory_journal import MemoryJournal
from tests.support.public_server import public_server
from tests.support.rule_world import EPOCH

DEADLINE = aiohttp.ClientTimeout(total=20)
PUBLIC = (
    "/feed.atom",
    f"/badge/{WALLET}/state.svg",
    f"/badge/{WALLET}/availability/24h.svg",
    "/api/v2/summary.json",
    "/api/v2/status.json",
    "/openapi.json",
)
FLOOD = 300
CONNECTIONS = 32
"""At once; the server bounds those of one address."""


@dataclass
class CountingJournal(MemoryJournal):
    """A journal that counts its queries, and fails where the test says so."""

    queries: list[str] = field(default_factory=list)
    is_broken: bool = False

    def count(self, name: str) -> None:
        self.queries.append(name)
        if self.is_broken:
            raise StoreUnavailable("the disk is gone: put it back")

    async def incidents(  # type: ignore[explicit-override]
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        self.count("incidents")
        return await super().incidents(open_only=open_only, limit=limit)

    async def entries(  # type: ignore[explicit-override]
        self,
        since_wall: float,
        until_wall: float,
        *,
        target: str | None = None,
        incident: str | None = None,
        kinds: frozenset[EntryKind] = frozenset(),
    ) -> tuple[JournalEntry, ...]:
        self.count("entries")
        return await super().entries(
            since_wall, until_wall, target=target, incident=incident, kinds=kinds
        )

    async def steps(  # type: ignore[explicit-override]
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        self.count("steps")
        async for piece in super().steps(since_wall, until_wall):
            yield piece


class PublicFakes(ApiServiceFakes):
    def __init__(self) -> None:
        super().__init__()
        self.counting = CountingJournal(
            stored_entries=self.journal.stored_entries,
            intervals=[MonitoredInterval(EPOCH, EPOCH + 1e9)],
            incidents_by_id=self.journal.incidents_by_id,
        )
        self.journal = self.counting


class Visitor:
    def __init__(self, fakes: PublicFakes, server: WebServer) -> None:
        self.fakes = fakes
        self.http = aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}",
            timeout=DEADLINE,
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        )

    async def text(self, path: str) -> str:
        async with self.http.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.text()

    async def status(self, path: str) -> int:
        async with self.http.get(path) as response:
            await response.read()
            return response.status


async def serve(language: str = "en") -> AsyncIterator[Visitor]:
    fakes = PublicFakes()
    server = public_server(fakes, language)
    await server.start()
    visitor = Visitor(fakes, server)
    yield visitor
    await visitor.http.close()
    async with asyncio.timeout(60):
        await server.stop()


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async for visitor in serve():
        yield visitor


@pytest.fixture
async def korean() -> AsyncIterator[Visitor]:
    async for visitor in serve("ko"):
        yield visitor


@pytest.mark.parametrize("path", PUBLIC)
async def test_answer_may_be_kept_and_is_not_sent_twice(
    visitor: Visitor, path: str
) -> None:
    async with visitor.http.get(path) as response:
        assert response.status == 200
        assert "max-age=" in response.headers["Cache-Control"]
        tag = response.headers["ETag"]
        assert await response.read()
    async with visitor.http.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
        assert response.headers["ETag"] == tag
        assert await response.read() == b""
    async with visitor.http.get(path, headers={"If-None-Match": '"other"'}) as response:
        assert response.status == 200
    async with visitor.http.head(path) as response:
        assert (response.status, response.headers["ETag"]) == (200, tag)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (PUBLIC[0], "application/atom+xml"),
        (PUBLIC[1], "image/svg+xml"),
        (PUBLIC[3], "application/json"),
    ],
)
async def test_answer_has_its_content_type_and_runs_nothing(
    visitor: Visitor, path: str, content_type: str
) -> None:
    async with visitor.http.get(path) as response:
        assert response.content_type == content_type
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_flood_of_requests_makes_each_query_once(visitor: Visitor) -> None:
    paths = ("/feed.atom", *(f"/badge/{WALLET}/availability/{w}.svg" for w in WINDOWS))
    await asyncio.gather(*(visitor.text(path) for path in paths * (FLOOD // 5)))
    queries = visitor.fakes.counting.queries
    assert queries.count("steps") == len(WINDOWS)
    assert queries.count("incidents") == 1
    assert queries.count("entries") == 1
    visitor.fakes.world.wait(FEED_KEPT_S)
    await asyncio.gather(*(visitor.text(path) for path in paths * 2))
    assert queries.count("steps") == 2 * len(WINDOWS)
    assert queries.count("incidents") == 2


async def test_other_answers_make_no_query(visitor: Visitor) -> None:
    for path in (PUBLIC[1], *PUBLIC[3:]):
        await visitor.text(path)
    assert visitor.fakes.counting.queries == []


async def test_broken_store_is_asked_once_by_a_flood(visitor: Visitor) -> None:
    visitor.fakes.counting.is_broken = True
    statuses = await asyncio.gather(*(visitor.status("/feed.atom") for _ in range(50)))
    assert set(statuses) == {503}
    assert len(visitor.fakes.counting.queries) == 1
    visitor.fakes.counting.is_broken = False
    visitor.fakes.world.wait(FEED_KEPT_S)
    assert await visitor.status("/feed.atom") == 200


async def test_state_badge_follows_the_target(visitor: Visitor) -> None:
    path = f"/badge/{WALLET}/state.svg"
    assert "<title>electron-cash: healthy</title>" in await visitor.text(path)
    visitor.fakes.world.fails(WALLET, Cause.REFUSED)
    assert "<title>electron-cash: recovering</title>" in await visitor.text(path)


@pytest.mark.parametrize("window", WINDOWS)
async def test_availability_badge_has_the_figure_of_the_report(
    visitor: Visitor, window: str
) -> None:
    record_healed_incident(visitor.fakes)
    visitor.fakes.world.wait(2 * DAY_S, step=3600.0)
    visitor.fakes.world.works(WALLET, SERVICE)
    async with visitor.http.get(f"/api/v1/report?window={window}") as response:
        report = await response.json()
    (figures,) = (t for t in report["targets"] if t["target"] == WALLET)
    share = figures["availability"]
    assert (share == 1.0) is (window == "24h")
    picture = await visitor.text(f"/badge/{WALLET}/availability/{window}.svg")
    expected = "100 %" if window == "24h" else f"{int(share * 10_000) / 100:.2f} %"
    assert f"{expected}</title>" in picture


async def test_report_leaves_drills_out_unless_they_are_asked_for(
    visitor: Visitor,
) -> None:
    began_wall = visitor.fakes.world.now.wall
    record_healed_incident(visitor.fakes)
    ended_wall = visitor.fakes.world.now.wall
    record = drill_record(WALLET, began_wall, ended_wall, SERVICE)
    visitor.fakes.counting.drill_records.append(record)
    outages = {}
    for drills in ("0", "1"):
        async with visitor.http.get(f"/api/v1/report?drills={drills}") as response:
            outages[drills] = (await response.json())["total"]["outages"]
    assert outages == {"0": 0, "1": 2}
    assert await visitor.status("/api/v1/report?drills=yes") == 400


async def test_availability_badge_without_data_says_so(visitor: Visitor) -> None:
    visitor.fakes.counting.intervals = []
    visitor.fakes.counting.stored_entries.clear()
    picture = await visitor.text(f"/badge/{WALLET}/availability/7d.svg")
    assert "no data" in picture


@pytest.mark.parametrize(
    "path",
    [
        "/badge/nobody/state.svg",
        "/badge/nobody/availability/24h.svg",
        f"/badge/{WALLET}/availability/1h.svg",
        f"/badge/{WALLET}/state.png",
    ],
)
async def test_unknown_badge_is_not_found_and_makes_no_query(
    visitor: Visitor, path: str
) -> None:
    assert await visitor.status(path) == 404
    assert visitor.fakes.counting.queries == []


async def test_feed_has_incidents_and_restarts(visitor: Visitor) -> None:
    trigger_planned_restart(visitor.fakes)
    visitor.fakes.world.complete_remedy(WALLET)
    visitor.fakes.world.works(WALLET)
    visitor.fakes.world.wait(600.0, step=10.0)
    healed = record_healed_incident(visitor.fakes)
    visitor.fakes.schedule.skip_next(WALLET)
    feed = ET.fromstring(await visitor.text("/feed.atom"))
    atom = "{http://www.w3.org/2005/Atom}"
    titles = {
        entry.findtext(f"{atom}id"): entry.findtext(f"{atom}title")
        for entry in feed.iter(f"{atom}entry")
    }
    assert titles[f"urn:sidecar:incident:{healed}"] == (
        "[resolved] electron-cash: it accepted no connections"
    )
    assert "Restarted as planned: electron-cash. It works." in titles.values()
    assert "Planned restart that will be skipped: electron-cash" in titles.values()


async def test_summary_follows_the_state_within_its_time(visitor: Visitor) -> None:
    async def indicator() -> str:
        async with visitor.http.get("/api/v2/status.json") as response:
            document = await response.json()
        return str(document["status"]["indicator"])

    assert await indicator() == "none"
    record_open_incident(visitor.fakes)
    visitor.fakes.world.wait(SUMMARY_KEPT_S)
    assert await indicator() == "major"


async def test_answers_are_in_the_configured_language(korean: Visitor) -> None:
    record_open_incident(korean.fakes)
    assert "연결을 받지 않습니다" in await korean.text("/feed.atom")
    assert "연결을 받지 않습니다" in await korean.text("/api/v2/summary.json")
    assert "복구 중" in await korean.text(f"/badge/{WALLET}/state.svg")
    picture = await korean.text(f"/badge/{WALLET}/availability/30d.svg")
    assert "electron-cash, 30일" in picture
