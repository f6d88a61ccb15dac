"""Records that the event feed keeps, and their listeners."""

import asyncio

import msgspec

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.step_result import StepResult
from sidecar.telemetry.event_feed import KEPT_RECORDS, LISTENER_BACKLOG, EventFeed
from tests.support.memory_store import MemoryStore
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
    async with asyncio.timeout(5):
        record = await anext(listener)
    assert record["number"] == int(str(before)) + 1


async def test_a_slow_listener_is_cut_off_and_the_others_are_not() -> None:
    world, feed = world_with_feed()
    slow, quick = feed.listen(), feed.listen()
    publish(world, feed)
    async with asyncio.timeout(5):
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
