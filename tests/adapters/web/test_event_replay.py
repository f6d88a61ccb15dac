"""A listener to the events that lost its connection gets what it missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.step_result import StepResult
from sidecar.telemetry.event_feed import KEPT_RECORDS
from tests.support.page_server import PageServer, StreamReader, open_page_server


@pytest.fixture
async def bench() -> AsyncIterator[PageServer]:
    async with open_page_server() as server:
        yield server


@asynccontextmanager
async def listen(bench: PageServer, last_id: str | None) -> AsyncIterator[StreamReader]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with (
        bench.browser() as browser,
        browser.http.get("/api/v1/events", headers=headers) as response,
        asyncio.timeout(60),
    ):
        assert response.status == 200
        reader = StreamReader(response)
        assert await reader.message() == {"retry": "3000", "": "connected"}
        yield reader


def publish(bench: PageServer, count: int) -> None:
    """Publish ``count`` more records."""
    world = bench.fakes.world
    noted = (world.transitions[0],) * count
    bench.fakes.feed.on_step(StepResult(Tick(world.now), noted, (), (), world.state))


async def take(reader: StreamReader, count: int) -> list[dict[str, Any]]:
    return [await reader.event() for _ in range(count)]


async def test_stream_is_not_compressed_buffered_or_kept(bench: PageServer) -> None:
    async with (
        bench.browser() as browser,
        browser.http.get("/api/v1/events") as response,
    ):
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"


async def test_new_listener_gets_no_earlier_record(bench: PageServer) -> None:
    publish(bench, 3)
    async with listen(bench, None) as reader:
        publish(bench, 1)
        (record,) = await take(reader, 1)
    assert record["number"] == bench.fakes.feed.recent(1)[0]["number"]


async def test_records_of_lost_connections_are_neither_missing_nor_doubled(
    bench: PageServer,
) -> None:
    publish(bench, 1)
    numbers: list[int] = []
    async with listen(bench, None) as reader:
        publish(bench, 5)
        numbers += [r["number"] for r in await take(reader, 3)]
        last_id = reader.last_id
    for missed in (0, 1, 40, 900):
        publish(bench, missed)
        newest = int(str(bench.fakes.feed.recent(1)[0]["number"]))
        async with listen(bench, last_id) as reader:
            publish(bench, 2)
            numbers += [
                r["number"] for r in await take(reader, newest + 1 - int(last_id))
            ]
            last_id = reader.last_id
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) > 940


async def test_records_that_are_not_kept_any_more_are_reported_as_a_gap(
    bench: PageServer,
) -> None:
    publish(bench, 1)
    async with listen(bench, None) as reader:
        publish(bench, 1)
        await take(reader, 1)
        last_id = reader.last_id
    publish(bench, KEPT_RECORDS + 7)
    async with listen(bench, last_id) as reader:
        fields = await reader.message()
        assert fields["event"] == "gap"
        (first,) = await take(reader, 1)
    assert first["number"] == int(last_id) + 8
    assert fields["id"] == str(first["number"] - 1)


@pytest.mark.parametrize("last_id", ["1e9", "-1", "", "9" * 300])
async def test_unreadable_last_id_is_no_error(bench: PageServer, last_id: str) -> None:
    publish(bench, 1)
    async with listen(bench, last_id) as reader:
        assert (await reader.event())["number"] > 0


async def test_listener_that_falls_behind_loses_nothing_by_coming_back(
    bench: PageServer,
) -> None:
    publish(bench, 1)
    first = int(str(bench.fakes.feed.recent(1)[0]["number"]))
    numbers: list[int] = []
    last_id = str(first)
    while not numbers or numbers[-1] < first + 900:
        async with listen(bench, last_id) as reader:
            if not numbers:
                publish(bench, 900)  # more than the backlog of a listener
            try:
                while len(numbers) < 900:
                    numbers.append((await reader.event())["number"])
            except (EOFError, aiohttp.ClientError, asyncio.IncompleteReadError):
                pass
            last_id = reader.last_id or last_id
    assert numbers == list(range(first + 1, first + 901))


async def test_real_failure_is_replayed_with_its_decision(bench: PageServer) -> None:
    publish(bench, 1)
    last_id = str(bench.fakes.feed.recent(1)[0]["number"])
    bench.fakes.world.fails("electron-cash", Cause.REFUSED)
    async with listen(bench, last_id) as reader:
        kinds = [record["type"] for record in await take(reader, 3)]
    assert "transition" in kinds
    assert "decision" in kinds
