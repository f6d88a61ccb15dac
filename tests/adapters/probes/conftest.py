"""A time that a busy machine does not disturb."""

from collections.abc import AsyncIterator

import pytest

from tests.support.steady_time import keep_time_steady


@pytest.fixture
async def steady_time() -> AsyncIterator[None]:
    """The loop's time of the test passes only while this process runs."""
    async with keep_time_steady():
        yield
