"""An event loop whose time is virtual: sleeping costs nothing, order is kept."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

WORK_S = 20.0
"""Real seconds that a thread may take."""


class _NoWait(selectors.DefaultSelector):
    """Instead of waiting, moves the loop's clock on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(  # type: ignore[explicit-override]  # typing.override is of Python 3.12
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("the virtual loop waits for something that never comes")
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code that does no I/O but in threads of its own.

    A thread's work takes no time: the loop waits for it, so that the order of
    things is the same each time. ``goes_on`` is asked before such work and after
    it; after a no the work is not begun, or nobody hears of its end.
    """

    def __init__(self) -> None:
        self._virtual = _NoWait()
        self._own = ThreadPoolExecutor(1)
        super().__init__(self._virtual)
        # Far from zero a float's steps are coarser than asyncio expects.
        self._clock_resolution = 1e-6
        self.goes_on: Callable[[str], bool] = lambda _: True

    def run_in_executor(  # type: ignore[override,explicit-override]
        self,
        executor: Executor | None,
        func: Callable[..., T],
        *args: Any,  # noqa: ANN401 - those of func
    ) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        self.call_soon(self._work, done, executor, partial(func, *args))
        return done

    def _work(
        self, done: asyncio.Future[T], executor: Executor | None, work: Callable[[], T]
    ) -> None:
        if done.cancelled() or not self.goes_on("begin"):
            return
        worked = (executor or self._own).submit(work)
        error = worked.exception(WORK_S)
        if done.cancelled() or not self.goes_on("end"):
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(worked.result())

    def close(self) -> None:  # type: ignore[explicit-override]
        self._own.shutdown()
        super().close()

    def time(self) -> float:  # type: ignore[explicit-override]
        return self._virtual.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
