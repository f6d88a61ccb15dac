"""Answers about thousands of targets: others get their turn meanwhile."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from sidecar.core.model.probe_settings import HttpProbe, MemoryProbe
from sidecar.core.model.target import Target
from sidecar.web.page.content import PageContent
from sidecar.web.page.document import PIECE_TARGETS, PageDocument
from sidecar.web.page.shown_targets import SHOWN_TARGETS
from sidecar.web.page.sources import PageSources
from sidecar.web.turns import TURN_TARGETS
from tests.support.api_caller import run_server
from tests.support.api_services import ApiServiceFakes
from tests.support.message_world import MessageWorld
from tests.support.page_host import OPERATOR, read_test_texts

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


def serve(world: MessageWorld) -> ApiServiceFakes:
    fakes = ApiServiceFakes()
    fakes.world = world
    return fakes


async def count_turns(path: str, world: MessageWorld, clients: int = 1) -> int:
    """Turns of the loop during requests for the head alone: no body is sent."""
    turns = 0
    async for caller in run_server(serve(world)):
        counter = TurnCounter()
        async with AsyncExitStack() as open_responses:
            requests = (caller.http.head(path) for _ in range(clients))
            responses = map(open_responses.enter_async_context, requests)
            statuses = {each.status for each in await asyncio.gather(*responses)}
            turns = counter.stop()
            assert statuses <= {200, 503}
    return turns


async def count_turns_of_pages(count: int, world: MessageWorld) -> int:
    """Turns of the loop while so many status pages are written at once."""
    sources = PageSources(read_test_texts, lambda _: ())
    content = PageContent(serve(world).desk, sources)
    document = PageDocument(content, await content.prepare("en"), OPERATOR)
    _ = [piece async for piece in document.status_page()]

    async def write() -> None:
        assert "t1" in "".join([piece async for piece in document.status_page()])

    counter = TurnCounter()
    await asyncio.gather(*(write() for _ in range(count)))
    return counter.stop()


ANSWERS = pytest.mark.parametrize(
    "path",
    [
        "/api/v1/status",
        "/healthz",
        "/api/v1/forecast",
        "/api/v1/balancer/traefik",
        "/api/v1/balancer/traefik?network=shop_front",
    ],
)


@ANSWERS
async def test_answer_about_many_targets_leaves_turns_to_others(path: str) -> None:
    few = await count_turns(path, many_targets(2))
    many = await count_turns(path, many_targets(MANY))
    assert many - few >= 0.9 * MANY / TURN_TARGETS


@ANSWERS
async def test_answer_to_many_clients_is_made_for_the_first_and_for_the_rest(
    path: str,
) -> None:
    one = await count_turns(path, many_targets(MANY))
    many = await count_turns(path, many_targets(MANY), clients=10)
    assert many < 3 * one


async def test_page_of_many_targets_leaves_turns_to_others() -> None:
    half = await count_turns_of_pages(1, many_targets(SHOWN_TARGETS // 2))
    whole = await count_turns_of_pages(1, many_targets(SHOWN_TARGETS))
    assert whole - half >= 0.9 * SHOWN_TARGETS / 2 / PIECE_TARGETS


async def test_pages_written_at_once_share_no_turn() -> None:
    world = many_targets(SHOWN_TARGETS)
    one = await count_turns_of_pages(1, world)
    four = await count_turns_of_pages(4, world)
    assert four >= 3.5 * one
