"""The connections to the engine that Sidecar keeps open."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.core.ports.engine import Engine, EngineUnreachable
from sidecar.engine.client import CALLS_AT_ONCE
from tests.support.engine_connection import (
    OWN,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
    until,
)
from tests.support.engine_server import EngineServer, raw_container

CONNECTED = "03"
LOSSES = 2


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        yield server


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Forgotten connections stay open meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def count_connections(server: EngineServer) -> int:
    """Connections that the server has accepted and that are still open."""
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    return sum(row[-1] == str(server._where) and row[5] == CONNECTED for row in rows)


def count_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_calls_one_after_another_share_one_connection(
    server: EngineServer, requests: Requests
) -> None:
    ids = [server.add(raw_container(f"{number:064x}")) for number in range(30)]
    async with open_engine(link_to(server, requests)) as engine:
        for container_id in ids:
            await engine.inspect(container_id)
            await engine.stats(container_id)
        assert count_connections(server) == 1


async def test_connections_stay_within_calls_at_once(
    server: EngineServer, requests: Requests
) -> None:
    ids = [server.add(raw_container(f"{number:064x}")) for number in range(60)]
    async with open_engine(link_to(server, requests)) as engine:
        await asyncio.gather(*map(engine.inspect, ids))
        assert 0 < count_connections(server) <= CALLS_AT_ONCE + 1


async def test_connections_to_a_lost_engine_are_closed(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        with no_garbage_collection():
            await lose_engine(server, engine)
            open_files = count_open_files()
            for _ in range(LOSSES):
                await lose_engine(server, engine)
            await until(lambda: count_open_files() <= open_files)


async def lose_engine(server: EngineServer, engine: Engine) -> None:
    """Make many calls to an engine, which then goes away, and comes back."""
    await asyncio.gather(*[engine.inspect(OWN) for _ in range(20)])
    server.stop()
    with pytest.raises(EngineUnreachable):
        await engine.inspect(OWN)
    server.start()
