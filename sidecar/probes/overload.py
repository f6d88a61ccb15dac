"""Is more asked than this machine can do? Measured by how late probes begin."""

from collections.abc import Callable
from typing import NamedTuple

from loguru import logger

WINDOW_S = 10.0
"""The delay is that of the probes of so many seconds."""

BEGIN_PART, END_PART = 0.1, 0.05
"""The part of an interval by which probes are late on average: more than BEGIN_PART in
two windows in a row begins an overload, less than END_PART in one ends it."""

WINDOWS = 2
"""A suspended host makes all probes late once: that is no overload."""

UNUSED_S = 60.0
"""An overload whose last window is older than that is over: nothing is probed."""


class Stretch(NamedTuple):
    """Mean intervals in seconds: that of the settings, and that in which probes run."""

    asked_s: float
    actual_s: float

    @property
    def sentence(self) -> str:
        """The overload in words, and what to do."""
        return (
            f"probes run every {self.actual_s:.1f} s in place of {self.asked_s:.1f} s: "
            "more is asked than this machine can do; make `interval` longer, watch "
            "fewer targets, or give Sidecar more processor time"
        )


class OverloadDetector:
    """Notes how late each probe begins, and logs the begin and end of an overload."""

    def __init__(self, now_mono: Callable[[], float]) -> None:
        self._now_mono = now_mono
        self._until_mono: float | None = None
        """The end of the window; None: nothing was noted yet."""
        self._count, self._asked_s, self._late_s = 0, 0.0, 0.0
        self._bad_windows = 0
        self._stretch: Stretch | None = None
        self._mean_late_s = 0.0

    @property
    def stretch(self) -> Stretch | None:
        """The intervals during an overload; None: there is none."""
        return None if self._is_unused() else self._stretch

    def delay_s(self) -> float:
        """Average delay (seconds) of the probes of the last full window."""
        return 0.0 if self._is_unused() else self._mean_late_s

    def note(self, every_s: float, late_s: float) -> None:
        """Note a probe with this interval that begins so much later than it was due."""
        now_mono = self._now_mono()
        if self._until_mono is None:
            self._until_mono = now_mono + WINDOW_S
        elif now_mono >= self._until_mono:
            self._close_window()
            self._until_mono = now_mono + WINDOW_S
        self._count += 1
        self._asked_s += every_s
        self._late_s += late_s

    def _is_unused(self) -> bool:
        until_mono = self._until_mono
        return until_mono is None or self._now_mono() - until_mono > UNUSED_S

    def _close_window(self) -> None:
        self._judge(self._asked_s / self._count, self._late_s / self._count)
        self._count, self._asked_s, self._late_s = 0, 0.0, 0.0

    def _judge(self, asked_s: float, late_s: float) -> None:
        self._mean_late_s = late_s
        is_bad = late_s > BEGIN_PART * asked_s
        self._bad_windows = self._bad_windows + 1 if is_bad else 0
        was_overloaded = self._stretch is not None
        if self._bad_windows >= WINDOWS or (
            was_overloaded and late_s >= END_PART * asked_s
        ):
            self._stretch = Stretch(asked_s, asked_s + late_s)
        else:
            self._stretch = None
        if self._stretch is not None and not was_overloaded:
            logger.warning("{}", self._stretch.sentence)
        elif self._stretch is None and was_overloaded:
            logger.info("probes run at their intervals again")
