"""Answers about thousands of targets: others get their turn meanwhile."""

import asyncio

import pytest

from sidecar.core.model.probe_settings import HttpProbe, MemoryProbe
from sidecar.core.model.target import Target
from sidecar.web.turns import TURN_TARGETS
from tests.support.api_caller import run_server
from tests.support.api_services import ApiServiceFakes
from tests.support.message_world import MessageWorld

MANY = 40 * TURN_TARGETS


def many_targets(count: int) -> MessageWorld:
    return MessageWorld(
        targets=tuple(
            Target(f"t{n}", probes=(HttpProbe(f"http://t{n}:80/"), MemoryProbe()))
            for n in range(count)
        )
    )


class TurnCounter:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.count = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1

    def stop(self) -> int:
        self._task.cancel()
        return self.count


async def count_turns(path: str, world: MessageWorld) -> int:
    """Turns of the loop during a request for the head alone: no body is sent."""
    fakes = ApiServiceFakes()
    fakes.world = world
    turns = 0
    async for caller in run_server(fakes):
        counter = TurnCounter()
        async with caller.http.head(path) as response:
            turns = counter.stop()
            assert response.status in {200, 503}
    return turns


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/status",
        "/healthz",
        "/api/v1/forecast",
        "/api/v1/balancer/traefik",
    ],
)
async def test_answer_about_many_targets_leaves_turns_to_others(path: str) -> None:
    few = await count_turns(path, many_targets(2))
    many = await count_turns(path, many_targets(MANY))
    assert many - few >= 0.9 * MANY / TURN_TARGETS
