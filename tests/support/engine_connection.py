"""Helpers of the engine adapter's tests."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from sidecar.core.circuit_breaker import CircuitBreaker
from sidecar.core.ports.engine import EngineError, EngineUnreachable
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.docker_host import address_from
from sidecar.engine.features import ALL_FEATURES
from tests.support.engine_server import EngineServer

OWN = "a" * 64
FOREIGN = "b" * 64
WITHIN_S = 15.0
"""Less than the 20 s that a server holds a request: what ends then is no success."""
DEADLINES_S = (0.3, 2.0, 8.0)
"""A busy machine may be late for the first, hardly for all."""
CLOSED = CircuitBreaker()

Requests = list[tuple[str, str]]


@contextmanager
def run_engine_server() -> Iterator[EngineServer]:
    """A running server on a UNIX socket."""
    # A socket's path may be 107 bytes long; pytest's own folders can be longer.
    with tempfile.TemporaryDirectory(prefix="eng") as folder:
        server = EngineServer(Path(folder) / "s")
        server.start()
        try:
            yield server
        finally:
            server.stop()


def link_to(
    server: EngineServer, requests: Requests, breaker: CircuitBreaker = CLOSED
) -> EngineConnection:
    address = address_from({"DOCKER_HOST": f"unix://{server._where}"})
    return EngineConnection(
        address,
        lambda op, end, _: requests.append((op, end)),
        breaker,
        features_in_use=lambda: ALL_FEATURES,
    )


@asynccontextmanager
async def open_engine(
    link: EngineConnection, *, margin_s: float = 5.0, replay_s: float = 600.0
) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(link, "demo", answer_margin_s=margin_s, replay_s=replay_s)
    try:
        yield engine
    finally:
        await engine.close()


def threads_of_the_adapter() -> set[threading.Thread]:
    """Its threads, at work or idle; those of other tests may wait on."""
    return {t for t in threading.enumerate() if t.name.startswith("engine")}


def threads_at_work() -> list[threading.Thread]:
    """Threads of the adapter that have a call or a stream."""
    return [t for t in threading.enumerate() if t.name == "engine"]


async def with_time_enough(
    check: Callable[[float], Awaitable[None]],
    too_late: type[EngineError] = EngineUnreachable,
) -> None:
    """Run a check with a deadline; with a longer one if it raises ``too_late``."""
    for deadline_s in DEADLINES_S[:-1]:
        with suppress(too_late):
            await check(deadline_s)
            return
    await check(DEADLINES_S[-1])


async def until(true: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for a condition that another thread fulfils."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - it happens in a thread
            await asyncio.sleep(0.005)
