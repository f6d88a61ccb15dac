"""Gaps in a log: lines that were not judged, because the log grew too fast."""

from collections import deque
from typing import NamedTuple

RATE_S = 0.5
"""The rate of a log is measured over this time at least: a loaded machine writes in
bursts of some 10 ms, several times as fast as on average."""
FEW_LINES = 500
"""Number of lines that show a rate."""
MANY_LINES = 4000
"""Number of lines that show it if they took less than RATE_S."""
_SAMPLE_S = 0.1
_SAMPLES = 20


class _Sample(NamedTuple):
    at: float
    total_bytes: int


class LogGap:
    """Estimates the size of gaps from their time and the rate of the lines around them.

    The engine does not tell how much was left out. A flood often begins faster than it
    goes on, because its first part fits into memory: the lines after the gap count too.
    """

    def __init__(self, last_at: float = 0.0) -> None:
        self.lines = 0
        """New lines since the log was opened."""
        self.skipped_bytes = 0
        self.skipped_s = 0.0
        self._last = _Sample(last_at, 0)
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES)
        """The first line, then the next line after each _SAMPLE_S."""
        self._rate_before = 0.0
        self._open_gap_s = 0.0

    def open_again(self) -> None:
        """Begin anew: the log was opened again."""
        if self._open_gap_s:
            self._close_gap()
        self._rate_before = self._rate_of_flood() if self.lines >= FEW_LINES else 0.0
        self.lines = 0
        self._samples.clear()

    def add(self, at: float, size_bytes: int, *, is_gap: bool) -> None:
        """Add one new line; ``is_gap``: lines before it are missing."""
        if is_gap:
            self._open_gap_s += max(0.0, at - self._last.at)
        self._last = _Sample(
            max(at, self._last.at), self._last.total_bytes + size_bytes
        )
        if not self._samples or self._last.at - self._samples[-1].at >= _SAMPLE_S:
            self._samples.append(self._last)
        self.lines += 1
        if self._open_gap_s and self._has_rate_after():
            self._close_gap()

    def _has_rate_after(self) -> bool:
        if self.lines < FEW_LINES:
            return False
        span_s = self._last.at - self._samples[0].at
        return span_s >= RATE_S or self.lines >= MANY_LINES

    def _rate_of_flood(self) -> float:
        """Bytes a second since the sample from which on the log grew fastest."""
        return max((self._rate_since(s, RATE_S) for s in self._samples), default=0.0)

    def _rate_in_gap(self) -> float:
        """Bytes a second, by the lines before the gap and after it; 0.0: not known.

        The lines after it are few: a burst of them does not count.
        """
        before = self._rate_before
        if before and self.lines < FEW_LINES:
            return before
        after = self._rate_since(self._samples[0]) if self._samples else 0.0
        return (before + min(before, after)) / 2 if before else after

    def _rate_since(self, first: _Sample, least_s: float = 0.0) -> float:
        span_s = max(self._last.at - first.at, least_s)
        size_bytes = self._last.total_bytes - first.total_bytes
        return size_bytes / span_s if span_s > 0.0 else 0.0

    def _close_gap(self) -> None:
        rate = self._rate_in_gap()
        if rate > 0.0:
            self.skipped_s += self._open_gap_s
            self.skipped_bytes += round(self._open_gap_s * rate)
            self._open_gap_s = 0.0
