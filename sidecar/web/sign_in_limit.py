"""Limits of wrong tokens at the sign-in: in time, for each address and in all."""

import asyncio
from collections import deque
from typing import NamedTuple

from sidecar.core.ports.loop import Clock
from sidecar.web.response import RequestRefused

WRONG_TOKEN_WAIT_S = 1.0
WINDOW_S = 300.0
MAX_WRONG_OF_ADDRESS = 10
MAX_WRONG = 100


class _WrongToken(NamedTuple):
    at_mono: float
    address: str


class SignInLimit:
    """Counts the wrong tokens of the last WINDOW_S; ``wait_s`` slows each of them."""

    def __init__(self, clock: Clock, wait_s: float = WRONG_TOKEN_WAIT_S) -> None:
        self._clock = clock
        self._wait_s = wait_s
        self._wrong: deque[_WrongToken] = deque(maxlen=MAX_WRONG)

    def check(self, address: str) -> None:
        """RequestRefused where the address, or all of them, had too many tries."""
        now_mono = self._clock.now().mono
        while self._wrong and now_mono - self._wrong[0].at_mono >= WINDOW_S:
            self._wrong.popleft()
        times = [wrong.at_mono for wrong in self._wrong if wrong.address == address]
        if len(times) >= MAX_WRONG_OF_ADDRESS:
            raise _too_many(times[-MAX_WRONG_OF_ADDRESS] + WINDOW_S - now_mono)
        if len(self._wrong) >= MAX_WRONG:
            raise _too_many(self._wrong[0].at_mono + WINDOW_S - now_mono)

    async def slow_down(self, address: str) -> None:
        """Count a wrong token, then wait."""
        self._wrong.append(_WrongToken(self._clock.now().mono, address))
        await asyncio.sleep(self._wait_s)


def _too_many(wait_s: float) -> RequestRefused:
    seconds = max(1, round(wait_s))
    return RequestRefused(
        429,
        f"too many wrong tokens: try again in {seconds} s; the command line and the "
        "API work all the while",
        retry_after_s=seconds,
    )
