"""An event loop whose time is virtual: sleeping costs nothing, order is kept."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from sidecar.core.model.moment import Moment

T = TypeVar("T")

WORK_S = 20.0
"""Real seconds that a thread may take."""


class _NoWait(selectors.DefaultSelector):
    """A selector that advances the loop's clock instead of waiting."""

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
    """For code that does I/O only in threads of its own.

    A thread's work takes no virtual time: the loop waits for it, so that the order
    is the same in each run. ``allows_work`` is called before such work ("begin") and
    after it ("end"): on False the work does not begin, or its result is dropped.
    """

    def __init__(self) -> None:
        self._virtual = _NoWait()
        self._own = ThreadPoolExecutor(1)
        super().__init__(self._virtual)
        # Far from zero a float's steps are coarser than asyncio expects.
        self._clock_resolution = 1e-6
        self.allows_work: Callable[[str], bool] = lambda _: True

    def run_in_executor(  # type: ignore[override,explicit-override]
        self,
        executor: Executor | None,
        func: Callable[..., T],
        *args: Any,  # noqa: ANN401 - those of func
    ) -> asyncio.Future[T]:
        """The result of work in a thread; it takes no virtual time."""
        result: asyncio.Future[T] = self.create_future()
        self.call_soon(self._work, result, executor, partial(func, *args))
        return result

    def _work(
        self,
        result: asyncio.Future[T],
        executor: Executor | None,
        work: Callable[[], T],
    ) -> None:
        if result.cancelled() or not self.allows_work("begin"):
            return
        worked = (executor or self._own).submit(work)
        error = worked.exception(WORK_S)
        if result.cancelled() or not self.allows_work("end"):
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(worked.result())

    def close(self) -> None:  # type: ignore[explicit-override]
        """Close the loop and its thread."""
        self._own.shutdown()
        super().close()

    def time(self) -> float:  # type: ignore[explicit-override]
        """The virtual time in seconds."""
        return self._virtual.now


class LoopClock:
    """The running loop's time; its wall clock shows ``epoch_wall`` at zero."""

    def __init__(self, epoch_wall: float) -> None:
        self._epoch_wall = epoch_wall

    def now(self) -> Moment:
        """The present moment."""
        mono = asyncio.get_running_loop().time()
        return Moment(mono, self._epoch_wall + mono)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
