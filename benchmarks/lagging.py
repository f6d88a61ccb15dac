"""`sidecar` itself with its event loop's lag measured: `python -m benchmarks.lagging`.

Every TICK_S the loop is to wake up; how late each of these wake-ups was is written to
the file that BENCHMARK_LAGS names when the process ends. One that could not happen,
because the loop was held up, counts as late as it would have been.
"""

import asyncio
import os
import signal
import sys
from array import array
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from sidecar import __main__ as sidecar

TICK_S = 0.005
FILE = "BENCHMARK_LAGS"


class Lag(NamedTuple):
    """A wake-up: when it was due (the monotonic clock), and how much later it came."""

    due: float
    late_s: float


class _LagMeter:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.lags = array("d")
        self._due = loop.time() + TICK_S
        loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        while self._due <= now:
            self.lags.extend((self._due, now - self._due))
            self._due += TICK_S
        self._loop.call_at(self._due, self._tick)


class _MeteredLoopPolicy(asyncio.DefaultEventLoopPolicy):
    def __init__(self) -> None:
        super().__init__()
        self.meters: list[_LagMeter] = []

    @override
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A loop whose lag is measured."""
        loop = super().new_event_loop()
        self.meters.append(_LagMeter(loop))
        return loop


def read(file: Path) -> list[Lag]:
    """All wake-ups of a process that has ended, in order."""
    numbers = array("d")
    numbers.frombytes(file.read_bytes())
    return [Lag(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]


async def _idle() -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    return 0


def main() -> int:
    """The exit status of `sidecar`; without arguments a loop idles until SIGTERM."""
    policy = _MeteredLoopPolicy()
    asyncio.set_event_loop_policy(policy)  # type: ignore[deprecated]
    status = sidecar.main() if sys.argv[1:] else asyncio.run(_idle())
    with Path(os.environ[FILE]).open("wb") as file:
        for meter in policy.meters:
            meter.lags.tofile(file)
    return status


if __name__ == "__main__":
    sys.exit(main())
