"""A kept value is made once for all who ask."""

import asyncio

import pytest

from sidecar.core.model.moment import Moment
from sidecar.web.kept_value import FAILURE_KEPT_S, KeptValue

KEEP_S = 60.0
DEADLINE_S = 5.0


class Maker:
    """A clock, and a value that takes until ``release`` is set."""

    def __init__(self) -> None:
        self.mono = 0.0
        self.made = 0
        self.fails = False
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()
        self.value = KeptValue(self.make, self, KEEP_S)

    def now(self) -> Moment:
        return Moment(self.mono, 0.0)

    async def make(self) -> int:
        self.made += 1
        self.begun.set()
        await self.release.wait()
        if self.fails:
            raise OSError("the disk is gone")
        return self.made


async def test_value_is_made_once_for_many_who_ask_together() -> None:
    maker = Maker()
    maker.release.clear()
    requests = [asyncio.create_task(maker.value.get()) for _ in range(100)]
    await asyncio.sleep(0)
    maker.release.set()
    assert await asyncio.gather(*requests) == [1] * 100
    assert maker.made == 1


async def test_value_is_kept_for_its_time_and_then_made_again() -> None:
    maker = Maker()
    await maker.value.get()
    maker.mono = KEEP_S - 0.1
    assert await maker.value.get() == 1
    maker.mono = KEEP_S
    assert await maker.value.get() == 2


async def test_failure_is_kept_for_a_shorter_time() -> None:
    maker = Maker()
    maker.fails = True
    for _ in range(3):
        with pytest.raises(OSError, match="disk"):
            await maker.value.get()
    assert maker.made == 1
    maker.fails, maker.mono = False, FAILURE_KEPT_S
    assert await maker.value.get() == 2


async def test_failure_is_kept_for_a_request_that_comes_as_the_value_fails() -> None:
    maker = Maker()
    maker.fails = True
    first = asyncio.create_task(maker.value.get())
    asked_later: list[asyncio.Task[int]] = []
    for _ in range(10):
        await asyncio.sleep(0)
        asked_later.append(asyncio.create_task(maker.value.get()))
    results = await asyncio.gather(first, *asked_later, return_exceptions=True)
    assert all(isinstance(result, OSError) for result in results)
    assert maker.made == 1


async def test_client_that_leaves_does_not_end_the_making() -> None:
    maker = Maker()
    maker.release.clear()
    leaving = asyncio.create_task(maker.value.get())
    await asyncio.wait_for(maker.begun.wait(), DEADLINE_S)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    maker.release.set()
    assert await maker.value.get() == 1
    assert maker.made == 1


async def test_close_ends_the_making() -> None:
    maker = Maker()
    await maker.value.close()
    maker.release.clear()
    request = asyncio.create_task(maker.value.get())
    await asyncio.sleep(0)
    await maker.value.close()
    (ended,) = await asyncio.gather(request, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)
