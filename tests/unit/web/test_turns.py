"""Long work in pieces: one piece in each turn of the loop, and nobody is left out."""

import asyncio
from collections import Counter
from collections.abc import Iterator

from sidecar.web.turns import Turns


class Loop:
    """Counts the turns of the loop, and the pieces that were made in each."""

    def __init__(self) -> None:
        self.turn = 0
        self.pieces: Counter[int] = Counter()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def items(self, count: int) -> Iterator[int]:
        """Items that note in which turn each was made."""
        for number in range(count):
            self.pieces[self.turn] += 1
            yield number

    def stop(self) -> None:
        self._task.cancel()


async def test_work_alone_has_every_turn_of_the_loop() -> None:
    loop, turns = Loop(), Turns()
    assert await turns.collect(loop.items(20), size=2) == tuple(range(20))
    loop.stop()
    assert set(loop.pieces.values()) == {2}
    assert max(loop.pieces) - min(loop.pieces) == 9


async def test_pieces_of_several_works_never_share_a_turn() -> None:
    loop, turns = Loop(), Turns()
    works = [turns.collect(loop.items(count), size=2) for count in (20, 11, 1, 6)]
    results = await asyncio.gather(*works)
    loop.stop()
    assert [len(items) for items in results] == [20, 11, 1, 6]
    assert max(loop.pieces.values()) == 2
    assert max(loop.pieces) - min(loop.pieces) < 10 + 6 + 1 + 4 + 4


async def test_turns_are_taken_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[int] = []

    async def work(number: int) -> None:
        for _ in range(3):
            await turns.take()
            order.append(number)

    await asyncio.gather(*(work(number) for number in range(3)))
    assert order == [0, 1, 2] * 3


async def test_client_that_leaves_takes_no_turn_from_others() -> None:
    turns = Turns()
    finished: list[int] = []

    async def work(number: int) -> None:
        for _ in range(5):
            await turns.take()
        finished.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(6)]
    await asyncio.sleep(0)
    # The first has a turn that comes next, the others wait.
    for number in (0, 2, 5):
        tasks[number].cancel()
    await asyncio.sleep(0)
    # Whoever has been given the next turn leaves before it comes.
    tasks[1].cancel()
    async with asyncio.timeout(5.0):
        await asyncio.gather(*tasks, return_exceptions=True)
        await turns.take()
    assert sorted(finished) == [3, 4]
