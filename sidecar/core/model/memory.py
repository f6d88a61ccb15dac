"""Memory of a container: samples, windows of a run, and the forecast of its limit.

A number of bytes may be a fraction: it can be a mean or an estimate.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.cause import Severity
from sidecar.core.model.container import RunId


class MemorySample(NamedTuple):
    """Memory of a container at one time.

    ``used_bytes``: its working set, as ``docker stats`` and kubelet count it.
    ``held_bytes``: without all page cache, which the kernel drops before it ends a
    process. ``anon_bytes``: memory that its processes allocated. None: not measured.
    """

    used_bytes: float
    limit_bytes: float | None = None
    held_bytes: float | None = None
    anon_bytes: float | None = None


class MemoryWindow(NamedTuple):
    """Lowest and highest anonymous memory of a stretch of a run.

    ``at_s``: the time of the lowest, in seconds since the first sample of the run.
    """

    at_s: float
    floor_bytes: float
    top_bytes: float


class Silence(StrEnum):
    """Reason why there is no forecast of a limit."""

    NOT_MEASURED = "not_measured"
    NO_LIMIT = "no_limit"
    TOO_SHORT = "too_short"
    NOT_RISING = "not_rising"
    NOISY = "noisy"
    STEPS = "steps"
    DAILY_WAVE = "daily_wave"
    LEVELLING = "levelling"
    UNEVEN = "uneven"
    FAR = "far"
    LEVELLED_BEFORE = "levelled_before"


@dataclass(frozen=True, slots=True)
class LimitForecast:
    """When a container's memory will reach its limit, as of ``at_mono``.

    Times are None with a ``silence`` other than FAR; ``latest_mono`` may be None
    without one. ``times_earlier``: how many times faster it grows than earlier runs of
    the same image; None: there is none to compare with.
    """

    at_mono: float
    silence: Silence | None = None
    slope_bytes_per_s: float = 0.0
    limit_mono: float | None = None
    earliest_mono: float | None = None
    latest_mono: float | None = None
    times_earlier: float | None = None


class RunGrowth(NamedTuple):
    """Growth of the anonymous memory of a run that has ended, or of its known part.

    ``levelled``: it grew, and then it did not grow any more.
    """

    image: str
    seconds: float
    slope_bytes_per_s: float
    top_bytes: float
    levelled: bool


@dataclass(frozen=True, slots=True)
class MemoryHistory:
    """Memory of the current run, bounded; and of earlier runs, newest last.

    ``window_s`` is the length of each of ``windows``, which are complete; ``open`` is
    the present one. ``told``: the severity of the last message about the forecast.
    """

    run: RunId
    image: str
    began_mono: float
    last: MemorySample
    last_mono: float
    window_s: float
    open: MemoryWindow | None = None
    windows: tuple[MemoryWindow, ...] = ()
    forecast: LimitForecast | None = None
    earlier: tuple[RunGrowth, ...] = ()
    told: Severity | None = None
