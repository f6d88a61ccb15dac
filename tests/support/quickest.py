"""The quickest of some tries, for promises of speed: a busy machine may delay any."""

from collections.abc import Awaitable, Callable

TRIES = 5


async def find_quickest_s(
    measure: Callable[[], Awaitable[float]],
    limit_s: float,
    *,
    at_least: int = 1,
    at_most: int = TRIES,
) -> float:
    """The shortest time that ``measure`` returned.

    After ``at_least`` tries, the first time below ``limit_s`` ends them.
    """
    times_s: list[float] = []
    while len(times_s) < at_least or (
        len(times_s) < at_most and min(times_s) >= limit_s
    ):
        times_s.append(await measure())
    return min(times_s)
