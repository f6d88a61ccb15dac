"""Synthetic worlds of a container's memory, to measure the forecast by.

Each series is one run of a container: samples at equal intervals until the run ends,
or until its memory reaches the limit.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sidecar.core.model.memory import MemorySample

LIMIT = 512.0 * 2**20
COUNT = 1200
"""Samples of a series."""
_KERNEL = 0.01
"""Memory besides the anonymous: of the kernel, for the container."""


@dataclass(frozen=True)
class Series:
    """A series of samples; ``killed_s``: when its memory reaches the limit."""

    every_s: float
    samples: tuple[MemorySample, ...]
    killed_s: float | None


Values = Callable[[random.Random], Iterator[float]]
"""The anonymous memory at each sample, as a part of the limit."""


def _series(
    shares: list[float],
    every_s: float,
    *,
    cache: Callable[[int], float] = lambda _: 0.0,
    limit: Callable[[int], float] = lambda _: 1.0,
) -> Series:
    samples: list[MemorySample] = []
    for number, share in enumerate(shares):
        anon, held_bytes = share * LIMIT, (share + _KERNEL) * LIMIT
        if held_bytes >= limit(number) * LIMIT:
            return Series(every_s, tuple(samples), number * every_s)
        used = held_bytes + cache(number) * LIMIT
        samples.append(MemorySample(used, limit(number) * LIMIT, held_bytes, anon))
    return Series(every_s, tuple(samples), None)


def _interval_s(chance: random.Random) -> float:
    return chance.choice((10.0, 60.0, 300.0))


def _noise(chance: random.Random, least: float, most: float) -> Iterator[float]:
    deviation = chance.uniform(least, most)
    while True:
        yield chance.gauss(0.0, deviation)


def _drifting_noise(chance: random.Random) -> Iterator[float]:
    """Noise in which each value depends on the one before."""
    memory, deviation = chance.uniform(0.9, 0.99), chance.uniform(0.01, 0.04)
    value = chance.gauss(0.0, deviation)
    while True:
        yield value
        innovation = deviation * math.sqrt(1.0 - memory * memory)
        value = memory * value + chance.gauss(0.0, innovation)


def _below_limit(shares: list[float]) -> list[float]:
    return [min(max(share, 0.01), 0.97) for share in shares]


def flat(chance: random.Random) -> Series:
    """A level with hardly any noise."""
    base, noise = chance.uniform(0.3, 0.85), _noise(chance, 0.0, 0.003)
    return _series([base + next(noise) for _ in range(COUNT)], _interval_s(chance))


def noisy(chance: random.Random) -> Series:
    """A level with noise."""
    base, noise = chance.uniform(0.3, 0.85), _noise(chance, 0.005, 0.03)
    shares = _below_limit([base + next(noise) for _ in range(COUNT)])
    return _series(shares, _interval_s(chance))


def autocorrelated(chance: random.Random) -> Series:
    """A level with noise that drifts."""
    base, drift = chance.uniform(0.3, 0.85), _drifting_noise(chance)
    shares = _below_limit([base + next(drift) for _ in range(COUNT)])
    return _series(shares, _interval_s(chance))


def _teeth(chance: random.Random, height: float) -> Iterator[float]:
    period, phase = chance.uniform(8.0, 120.0), chance.random()
    for number in range(10**9):
        yield height * ((number / period + phase) % 1.0)


def sawtooth(chance: random.Random) -> Series:
    """Garbage collection: up, and down at once."""
    height = chance.uniform(0.05, 0.25)
    base = chance.uniform(0.25, 0.9 - height)
    teeth, noise = _teeth(chance, height), _noise(chance, 0.0, 0.01)
    shares = _below_limit([base + next(teeth) + next(noise) for _ in range(COUNT)])
    return _series(shares, _interval_s(chance))


def _stairs(chance: random.Random, steps: int) -> Series:
    heights = [chance.uniform(0.03, 0.5 / steps) for _ in range(steps)]
    places = [chance.randrange(COUNT) for _ in range(steps)]
    base = chance.uniform(0.25, 0.9 - sum(heights))
    noise = _noise(chance, 0.001, 0.01)
    shares = [
        base
        + sum(h for h, place in zip(heights, places, strict=True) if number >= place)
        + next(noise)
        for number in range(COUNT)
    ]
    return _series(_below_limit(shares), _interval_s(chance))


def one_step(chance: random.Random) -> Series:
    """A jump, as when something large is loaded."""
    return _stairs(chance, 1)


def three_steps(chance: random.Random) -> Series:
    """Three jumps."""
    return _stairs(chance, 3)


def warm_up(chance: random.Random) -> Series:
    """A rise that becomes slower, towards a level below the limit."""
    top = chance.uniform(0.5, 0.9)
    height, time = chance.uniform(0.1, top - 0.1), COUNT * chance.uniform(0.01, 0.5)
    noise = _noise(chance, 0.001, 0.01)
    shares = [
        top - height * math.exp(-number / time) + next(noise) for number in range(COUNT)
    ]
    return _series(_below_limit(shares), _interval_s(chance))


def daily_wave(chance: random.Random) -> Series:
    """Load that rises by day and falls by night, for four days."""
    swing = chance.uniform(0.03, 0.2)
    base, phase = chance.uniform(0.1 + swing, 0.92 - swing), chance.random()
    noise, every_s = _noise(chance, 0.001, 0.01), 300.0
    shares = [
        base
        + swing * math.sin(2.0 * math.pi * (number * every_s / 86400.0 + phase))
        + next(noise)
        for number in range(COUNT)
    ]
    return _series(_below_limit(shares), every_s)


def cache_to_a_cap(chance: random.Random) -> Series:
    """Page cache that fills the limit; the processes' own memory is level."""
    base, noise = chance.uniform(0.2, 0.6), _noise(chance, 0.001, 0.01)
    cap, rate = 0.98 - base, chance.uniform(0.5, 3.0) / COUNT
    shares = _below_limit([base + next(noise) for _ in range(COUNT)])
    return _series(
        shares,
        _interval_s(chance),
        cache=lambda number: min(cap - _KERNEL, rate * number),
    )


def limit_changed(chance: random.Random) -> Series:
    """The limit is changed while the container runs; its memory drifts."""
    base, drift = chance.uniform(0.2, 0.4), _drifting_noise(chance)
    place, factor = chance.randrange(COUNT), chance.choice((0.6, 0.7, 1.5, 2.0))
    shares = [min(base + next(drift), 0.55) for _ in range(COUNT)]
    return _series(
        shares,
        _interval_s(chance),
        limit=lambda number: factor if number >= place else 1.0,
    )


def _leak_rate(chance: random.Random, base: float) -> float:
    return (1.0 - base) / (COUNT * chance.uniform(0.4, 0.95))


def leak(chance: random.Random) -> Series:
    """A leak with little noise."""
    base, noise = chance.uniform(0.1, 0.5), _noise(chance, 0.001, 0.01)
    rate = _leak_rate(chance, base)
    shares = [base + rate * number + next(noise) for number in range(COUNT)]
    return _series(shares, _interval_s(chance))


def slow_leak(chance: random.Random) -> Series:
    """A leak in noise: its whole rise is 8 to 16 times the noise."""
    base = chance.uniform(0.3, 0.6)
    rate = _leak_rate(chance, base)
    deviation = (1.0 - base) / chance.uniform(8.0, 16.0)
    noise = _noise(chance, deviation, deviation)
    shares = [base + rate * number + next(noise) for number in range(COUNT)]
    return _series(shares, _interval_s(chance))


def sawtooth_with_leak(chance: random.Random) -> Series:
    """Garbage collection that frees less and less."""
    base, height = chance.uniform(0.1, 0.4), chance.uniform(0.05, 0.2)
    rate = _leak_rate(chance, base + height)
    teeth, noise = _teeth(chance, height), _noise(chance, 0.001, 0.01)
    shares = [
        base + rate * number + next(teeth) + next(noise) for number in range(COUNT)
    ]
    return _series(shares, _interval_s(chance))


HARMLESS: Mapping[str, Callable[[random.Random], Series]] = MappingProxyType(
    {
        "flat": flat,
        "noise": noisy,
        "autocorrelated": autocorrelated,
        "sawtooth": sawtooth,
        "one step": one_step,
        "three steps": three_steps,
        "warm-up": warm_up,
        "daily wave": daily_wave,
        "cache to a cap": cache_to_a_cap,
        "limit changed": limit_changed,
    }
)
LEAKS: Mapping[str, Callable[[random.Random], Series]] = MappingProxyType(
    {
        "leak": leak,
        "slow leak": slow_leak,
        "sawtooth with leak": sawtooth_with_leak,
    }
)
