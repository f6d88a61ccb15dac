"""A queue that is full says so, and loses no operator's wish silently."""

import asyncio

import pytest

from sidecar.core.model.event import RestartRequested, Tick
from sidecar.core.ports.loop import QueueFull
from sidecar.watchdog import QUEUE_LIMIT
from tests.support.loop_harness import ROOT, LoopHarness, run_scenario


def test_a_full_queue_refuses_a_wish_and_works_on() -> None:
    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        for _ in range(QUEUE_LIMIT):
            stage.post(Tick(stage.clock.now()))
        with pytest.raises(QueueFull):
            await stage.watchdog.ask(RestartRequested(stage.clock.now(), ROOT))
        await asyncio.sleep(20.0)
        decision = await stage.watchdog.ask(RestartRequested(stage.clock.now(), ROOT))
        assert decision is not None

    run_scenario(story)


def test_an_event_that_cannot_be_worked_in_does_not_end_the_watch() -> None:
    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        before = stage.watchdog.state
        stage.post("no event at all")  # type: ignore[arg-type]  # that is the point
        await asyncio.sleep(60.0)
        assert stage.watchdog.state.instances.keys() == before.instances.keys()
        assert await stage.watchdog.ask(RestartRequested(stage.clock.now(), ROOT))

    run_scenario(story)


def test_a_long_queue_lets_others_in_between_two_events() -> None:
    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        told = stage.notes.events
        begun = len(told)
        for _ in range(100):
            stage.post(Tick(stage.clock.now()))
        longest = 0
        while (before := len(told)) < begun + 100:
            await asyncio.sleep(0)
            longest = max(longest, len(told) - before)
        assert longest <= 2

    run_scenario(story)
