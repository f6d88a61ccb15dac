"""An answer for many requests: made once, and never older than its request."""

import asyncio

from sidecar.web.shared_answer import SharedAnswer


class Making:
    """Makes numbered answers; each takes until ``go_on`` is set."""

    def __init__(self) -> None:
        self.began = 0
        self.go_on = asyncio.Event()
        self.fails = False

    async def make(self) -> int:
        self.began += 1
        number = self.began
        await self.go_on.wait()
        if self.fails:
            raise ValueError("it cannot be made")
        return number


async def ask(answer: SharedAnswer[int], count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(answer.get()) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_requests_meanwhile_share_the_next_answer() -> None:
    making = Making()
    answer = SharedAnswer(making.make)
    first = await ask(answer, 1)
    later = await ask(answer, 100)
    assert making.began == 1, "one at a time"
    making.go_on.set()
    numbers = await asyncio.gather(*first, *later)
    assert numbers == [1] + 100 * [2], "a later request gets no earlier answer"
    assert await answer.get() == 3


async def test_client_that_leaves_does_not_end_the_answer_of_others() -> None:
    making = Making()
    answer = SharedAnswer(making.make)
    leaving, staying = await ask(answer, 2)
    leaving.cancel()
    making.go_on.set()
    assert await staying == 1


async def test_failure_reaches_all_who_asked_and_the_next_is_made_anew() -> None:
    making = Making()
    answer = SharedAnswer(making.make)
    making.fails = True
    asked = await ask(answer, 3)
    making.go_on.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results)
    making.fails = False
    assert await answer.get() == 2


async def test_answers_to_other_questions_are_not_shared() -> None:
    asked: list[str] = []

    async def make(question: str) -> str:
        asked.append(question)
        await asyncio.sleep(0)
        return question.upper()

    answer = SharedAnswer(make)
    questions = ["front", "front", "back", "front", ""]
    answers = await asyncio.gather(*map(answer.get, questions))
    assert answers == ["FRONT", "FRONT", "BACK", "FRONT", ""]
    assert asked == ["front", "back", ""]
    assert await answer.get("front") == "FRONT"
    assert asked == ["front", "back", "", "front"]
