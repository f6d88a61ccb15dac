"""Records that the event feed keeps, and their listeners."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.step_result import StepResult
from sidecar.simulation.memory_store import MemoryStore
from sidecar.telemetry.event_feed import KEPT_RECORDS, LISTENER_BACKLOG, EventFeed
from tests.support.message_world import MessageWorld


def world_with_feed() -> tuple[MessageWorld, EventFeed]:
    feed = EventFeed()
    return MessageWorld(listeners=(feed,)), feed


def play_outage(world: MessageWorld) -> None:
    world.works("electron-cash", "bitcoincash-service")
    world.fails("electron-cash", Cause.REFUSED)
    world.complete_remedy("electron-cash")
    world.works("electron-cash", times=3)


def test_an_outage_leaves_records_of_every_kind_in_order() -> None:
    world, feed = world_with_feed()
    play_outage(world)
    records = feed.recent(100)
    assert {r["type"] for r in records} == {
        "transition",
        "decision",
        "outcome",
        "balance",
        "incident",
    }
    assert [r["number"] for r in records] == list(range(1, len(records) + 1))
    (outcome,) = (r for r in records if r["type"] == "outcome")
    assert (outcome["outcome"], outcome["trigger"]) == ("recovered", "failure")
    assert outcome["incident"] is not None
    (restart,) = (r for r in records if r.get("action") == "restart" and "guard" in r)
    assert restart["reason"]
    assert str(restart["at"]).endswith("Z")


def test_records_are_json() -> None:
    world, feed = world_with_feed()
    play_outage(world)
    for record in feed.recent(100):
        assert msgspec.json.decode(msgspec.json.encode(record)) == record


def test_only_the_last_records_are_kept() -> None:
    world, feed = world_with_feed()
    while not feed.recent(1) or feed.recent(1)[0]["number"] != KEPT_RECORDS + 5:
        publish(world, feed)
    records = feed.recent(10 * KEPT_RECORDS)
    assert len(records) == KEPT_RECORDS
    assert records[0]["number"] == 6
    assert len(feed.recent(3)) == 3
    assert feed.recent(0) == ()


def publish(world: MessageWorld, feed: EventFeed) -> None:
    """Publish one more record."""
    if not world.transitions:
        world.works("electron-cash")
    noted = tuple(world.transitions[:1])
    feed.on_step(StepResult(Tick(world.now), noted, (), (), world.state))


async def test_listener_gets_records_published_after_it() -> None:
    world, feed = world_with_feed()
    publish(world, feed)
    before = feed.recent(1)[0]["number"]
    listener = feed.listen()
    publish(world, feed)
    async with asyncio.timeout(20):
        record = await anext(listener)
    assert record["number"] == int(str(before)) + 1


async def next_records(
    listener: AsyncIterator[dict[str, object]], count: int
) -> list[dict[str, object]]:
    async with asyncio.timeout(20):
        return [await anext(listener) for _ in range(count)]


async def test_listener_gets_the_kept_records_after_its_last_one() -> None:
    world, feed = world_with_feed()
    for _ in range(5):
        publish(world, feed)
    newest = int(str(feed.recent(1)[0]["number"]))
    listener = feed.listen(newest - 2)
    publish(world, feed)
    records = await next_records(listener, 3)
    assert [r["number"] for r in records] == [newest - 1, newest, newest + 1]


async def test_listener_that_has_all_records_gets_the_next_one_alone() -> None:
    world, feed = world_with_feed()
    publish(world, feed)
    newest = int(str(feed.recent(1)[0]["number"]))
    listener = feed.listen(newest)
    publish(world, feed)
    (record,) = await next_records(listener, 1)
    assert record["number"] == newest + 1


async def test_gap_is_reported_once_where_records_are_not_kept_any_more() -> None:
    world, feed = world_with_feed()
    for _ in range(KEPT_RECORDS + 50):
        publish(world, feed)
    oldest = int(str(feed.recent(KEPT_RECORDS)[0]["number"]))
    assert oldest > 10
    gap, first = await next_records(feed.listen(10), 2)
    assert gap == {"type": "gap", "number": oldest - 1, "after": 10}
    assert first["number"] == oldest
    (after_gap,) = await next_records(feed.listen(oldest - 1), 1)
    assert after_gap["number"] == oldest


@pytest.mark.parametrize("after", [0, 17, 10**15])
async def test_gap_is_reported_for_a_record_of_another_process(after: int) -> None:
    feed = EventFeed(first_number=1_000_000)
    world = MessageWorld(listeners=(feed,))
    publish(world, feed)
    oldest = int(str(feed.recent(KEPT_RECORDS)[0]["number"]))
    assert oldest == 1_000_000
    gap, first = await next_records(feed.listen(after), 2)
    assert (gap["type"], gap["after"]) == ("gap", after)
    assert first["number"] == oldest


@given(
    reads=st.lists(st.integers(0, 400), min_size=1, max_size=8),
    writes=st.lists(st.integers(0, 400), min_size=8, max_size=8),
)
async def test_replays_have_no_gap_and_no_double(
    reads: list[int], writes: list[int]
) -> None:
    """A reader takes some records, loses the connection, and comes back."""
    world, feed = world_with_feed()
    publish(world, feed)
    last = int(str(feed.recent(1)[0]["number"]))
    for count, more in zip(reads, writes, strict=False):
        for _ in range(more):
            publish(world, feed)
        newest = int(str(feed.recent(1)[0]["number"]))
        missed = max(0, newest - KEPT_RECORDS - last)
        there = min(newest - last, KEPT_RECORDS)
        records = await next_records(feed.listen(last), min(count, there))
        if missed and records:
            assert records.pop(0)["type"] == "gap"
        for record in records:
            expected = last + missed + 1
            assert record["number"] == expected
            last, missed = expected, 0


async def test_a_slow_listener_is_cut_off_and_the_others_are_not() -> None:
    world, feed = world_with_feed()
    slow, quick = feed.listen(), feed.listen()
    publish(world, feed)
    async with asyncio.timeout(20):
        await anext(quick)
        for _ in range(LISTENER_BACKLOG):
            publish(world, feed)
            await anext(quick)
        assert len(feed._listeners) == 1
        assert [record async for record in slow] == []
        publish(world, feed)
        assert (await anext(quick))["type"] == "transition"


async def test_a_listener_that_left_is_forgotten() -> None:
    world, feed = world_with_feed()
    listener = feed.listen()
    assert len(feed._listeners) == 1
    del listener
    publish(world, feed)
    assert len(feed._listeners) == 0


async def test_the_store_gives_back_the_state_as_it_was_left() -> None:
    store = MemoryStore()
    assert await store.load() is None
    world, _ = world_with_feed()
    await store.append(StepResult(Tick(world.now), (), (), (), world.state))
    assert await store.load() is world.state
    assert store.component().ok
