"""The pump between the engine and the loop, with a fake engine."""

import asyncio

import pytest

from sidecar.core.container import Container
from sidecar.core.event import ContainersListed, Event
from sidecar.core.target import Target
from sidecar.engine.pump import Pump
from tests.fakes import FakeEngine, LoopClock, a_container


async def no_targets(_: tuple[Container, ...]) -> tuple[Target, ...]:
    return ()


@pytest.mark.parametrize("steps", range(10))
async def test_it_ends_when_cancelled_just_as_the_engine_has_news(steps: int) -> None:
    clock = LoopClock()
    engine = FakeEngine(clock, a_container("c1"))
    listed = asyncio.Event()

    def post(event: Event) -> None:
        if isinstance(event, ContainersListed):
            listed.set()

    running = asyncio.create_task(Pump(engine, clock, post, no_targets).run())
    async with asyncio.timeout(5):
        await listed.wait()

    engine.start_by_operator("c1")
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()

    ended, _ = await asyncio.wait({running}, timeout=2)
    assert ended
