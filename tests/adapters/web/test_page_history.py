"""Ninety days of the page, read from the journal."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.journal_entry import MonitoredInterval, TargetSteps
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.web.page.history import KEPT_S, HistoryCache
from sidecar.web.page.strip_view import DAYS
from tests.support.api_services import ApiServiceFakes
from tests.support.drill_world import drill_record
from tests.support.memory_journal import MemoryJournal
from tests.support.page_world import DAY_S, WALLET, make_page_world

SEOUL = ZoneInfo("Asia/Seoul")


class CountedJournal(MemoryJournal):
    """A journal that notes which spans are read; ``hold`` delays every reading."""

    def __init__(self, journal: MemoryJournal) -> None:
        super().__init__(
            journal.stored_entries,
            journal.intervals,
            journal.bundles,
            journal.incidents_by_id,
        )
        self.spans_s: list[float] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.is_gone = False

    async def steps(  # type: ignore[explicit-override]
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        self.spans_s.append(until_wall - since_wall)
        async for piece in super().steps(since_wall, until_wall):
            yield piece

    async def monitored_intervals(  # type: ignore[explicit-override]
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        await self.hold.wait()
        if self.is_gone:
            raise StoreUnavailable("the disk is gone")
        return await super().monitored_intervals(since_wall, until_wall)


@pytest.fixture
def fakes() -> ApiServiceFakes:
    return make_page_world()


@pytest.fixture
def journal(fakes: ApiServiceFakes) -> CountedJournal:
    return CountedJournal(fakes.journal)


@pytest.fixture
def cache(fakes: ApiServiceFakes, journal: CountedJournal) -> HistoryCache:
    return HistoryCache(fakes.without(journal=journal))


async def test_history_ends_today_in_the_zone(cache: HistoryCache) -> None:
    history = await cache.read(SEOUL)
    assert history.dates[-1] == date(2023, 11, 16)
    assert len(history.dates) == DAYS
    assert len(history.incidents) == 7


async def test_second_reading_is_about_today_alone(
    fakes: ApiServiceFakes, cache: HistoryCache, journal: CountedJournal
) -> None:
    first = await cache.read(SEOUL)
    assert await cache.read(SEOUL) is first
    fakes.world.now_s += KEPT_S + 1.0
    second = await cache.read(SEOUL)
    assert len(journal.spans_s) == 2
    assert journal.spans_s[0] > 89 * DAY_S
    assert journal.spans_s[1] < DAY_S
    assert list(second.days[WALLET].down_s) == list(first.days[WALLET].down_s)
    assert second.days[WALLET].up_s[-1] > 0.0


async def test_outage_of_a_drill_is_no_outage_of_its_day(
    fakes: ApiServiceFakes, cache: HistoryCache, journal: CountedJournal
) -> None:
    before = await cache.read(SEOUL)
    assert sum(before.days[WALLET].down_s) > 0.0
    first_wall = min(entry.at_wall for entry in journal.stored_entries)
    drill = drill_record(WALLET, first_wall, fakes.world.now.wall)
    journal.drill_records.append(drill)
    fresh = HistoryCache(fakes.without(journal=journal))
    assert sum((await fresh.read(SEOUL)).days[WALLET].down_s) == 0.0


async def test_after_midnight_all_days_are_read_again(
    fakes: ApiServiceFakes, cache: HistoryCache, journal: CountedJournal
) -> None:
    first = await cache.read(SEOUL)
    fakes.world.now_s += DAY_S
    second = await cache.read(SEOUL)
    assert second.dates[0] > first.dates[0]
    assert journal.spans_s[1] > 89 * DAY_S


async def test_unreadable_journal_gives_no_days_and_is_asked_again(
    cache: HistoryCache, journal: CountedJournal
) -> None:
    journal.is_gone = True
    assert (await cache.read(SEOUL)).days == {}
    journal.is_gone = False
    assert WALLET in (await cache.read(SEOUL)).days


async def test_slow_journal_is_read_on_for_the_next_visitor(
    fakes: ApiServiceFakes, journal: CountedJournal
) -> None:
    cache = HistoryCache(fakes.without(journal=journal), wait_s=0.05)
    journal.hold.clear()
    assert (await cache.read(SEOUL)).days == {}
    journal.hold.set()
    async with asyncio.timeout(60.0):
        while not (await cache.read(SEOUL)).days:
            pass
    assert len(journal.spans_s) == 1


async def test_visitors_at_one_time_share_one_reading(
    cache: HistoryCache, journal: CountedJournal
) -> None:
    await asyncio.gather(*(cache.read(SEOUL) for _ in range(5)))
    assert len(journal.spans_s) == 1
