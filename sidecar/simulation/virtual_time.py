"""An event loop whose time is virtual: sleeping costs nothing, order is kept."""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

from sidecar.core.model.moment import Moment

T = TypeVar("T")

WORK_S = 20.0
"""Real seconds that a thread may take."""

GRID_S = 1 / 1024
"""Virtual time advances in steps of this: sums of such times are exact floats."""


def round_to_grid(seconds: float) -> float:
    """The nearest time of the grid."""
    return round(seconds / GRID_S) * GRID_S


class _OrderedTimer(asyncio.TimerHandle):
    """A timer; of two for the same time the one that was made first comes first."""

    number = 0

    def __lt__(self, other: asyncio.TimerHandle) -> bool:  # type: ignore[explicit-override]
        if not isinstance(other, _OrderedTimer) or self.when() != other.when():
            return self.when() < other.when()
        return self.number < other.number


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

    Timers are rounded to the grid. The order of what happens at the same time depends
    on neither the heap of the timers nor on the last digits of a float: the same things
    happen in the same order an hour later. A thread's work takes no virtual time: the
    loop waits for it, so that the order is the same in each run. ``allows_work`` is
    called before such work ("begin") and after it ("end"): on False the work does not
    begin, or its result is dropped.
    """

    def __init__(self) -> None:
        self._virtual = _NoWait()
        self._own = ThreadPoolExecutor(1)
        super().__init__(self._virtual)
        # Far from zero a float's steps are coarser than asyncio expects.
        self._clock_resolution = 1e-6
        self._timer_count = 0
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

    def call_at(  # type: ignore[override,explicit-override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - those of callback
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at the time of the grid nearest to ``when``, but not at once."""
        rounded = round_to_grid(when)
        if rounded <= self.time() < when:
            rounded = self.time() + GRID_S
        timer = _OrderedTimer(rounded, callback, args, self, context)
        self._timer_count += 1
        timer.number = self._timer_count
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # of asyncio
        timer._scheduled = True  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio
        return timer

    async def finish_instant(self) -> None:
        """Let everything else happen that happens at this time."""
        # An event would end the wait before what comes after its cause.
        while self._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110 - of asyncio
            await asyncio.sleep(0)

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
        self.epoch_wall = epoch_wall
        self.skipped_s = 0.0
        """The time that the loop did not run through."""

    def now(self) -> Moment:
        """The present moment."""
        mono = asyncio.get_running_loop().time() + self.skipped_s
        return Moment(mono, self.epoch_wall + mono)

    def skip(self, seconds: float) -> None:
        """Advance both clocks; every timer of the loop keeps the wait that it had."""
        self.skipped_s += seconds


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
