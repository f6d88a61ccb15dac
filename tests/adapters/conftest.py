"""An engine in memory, its requests, and the lines of the log."""

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.support.engine_connection import OWN, Requests, run_engine_server
from tests.support.engine_server import EngineServer, raw_container


@pytest.fixture
def server() -> Iterator[EngineServer]:
    """A server with the one container OWN."""
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        yield server


@pytest.fixture
def requests() -> Requests:
    """Each operation with its result, appended by the connection."""
    return []


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """The log's messages."""
    messages: list[str] = []
    sink = logger.add(messages.append, level="INFO", format="{message}")
    yield messages
    logger.remove(sink)
