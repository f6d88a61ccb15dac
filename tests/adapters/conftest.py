"""An engine in memory, and what is asked of it and said of it."""

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.support.engine_connection import OWN, Requests, a_server
from tests.support.engine_server import EngineServer, raw_container


@pytest.fixture
def server() -> Iterator[EngineServer]:
    """It has the one container OWN."""
    with a_server() as server:
        server.add(raw_container(OWN))
        yield server


@pytest.fixture
def requests() -> Requests:
    """Filled by the link: each operation with its result."""
    return []


@pytest.fixture
def said() -> Iterator[list[str]]:
    """The log's messages."""
    lines: list[str] = []
    sink = logger.add(lines.append, level="INFO", format="{message}")
    yield lines
    logger.remove(sink)
