"""Gaps in a log: lines that were not judged, because the log grew too fast."""

from typing import NamedTuple

RATE_LINES = 5000
"""Number of lines over which the rate of a log is measured."""
FEW_LINES = 500
"""Number of lines after a gap, if those before it do not show a rate."""


class _Sample(NamedTuple):
    at: float
    total_bytes: int


class LogGap:
    """Estimates the size of gaps from their time and the rate of the lines around them.

    The engine does not tell how much was left out.
    """

    def __init__(self, last_at: float = 0.0) -> None:
        self.lines = 0
        """New lines since the log was opened."""
        self.skipped_bytes = 0
        self.skipped_s = 0.0
        self._last = _Sample(last_at, 0)
        self._samples: list[_Sample] = []
        """The first line, then one sample in RATE_LINES; the last two are kept."""
        self._rate_before = 0.0
        self._open_gap_s = 0.0

    def open_again(self) -> None:
        """Begin anew: the log was opened again."""
        if self._open_gap_s:
            self._close_gap(self._measure_rate())
        self._rate_before = self._measure_rate() if self.lines >= FEW_LINES else 0.0
        self.lines = 0
        self._samples = []

    def add(self, at: float, size_bytes: int, *, is_gap: bool) -> None:
        """Add one new line; ``is_gap``: lines before it are missing."""
        if is_gap:
            self._open_gap_s += max(0.0, at - self._last.at)
            self._close_gap(self._rate_before)
        self._last = _Sample(
            max(at, self._last.at), self._last.total_bytes + size_bytes
        )
        if self.lines % RATE_LINES == 0:
            self._samples = [*self._samples[-1:], self._last]
        self.lines += 1
        if self._open_gap_s and self.lines >= FEW_LINES:
            self._close_gap(self._measure_rate())

    def _measure_rate(self) -> float:
        """Bytes a second over the last lines; 0.0: that is not known."""
        if not self._samples:
            return 0.0
        first = self._samples[0]
        span_s = self._last.at - first.at
        size_bytes = self._last.total_bytes - first.total_bytes
        return size_bytes / span_s if span_s > 0.0 else 0.0

    def _close_gap(self, rate: float) -> None:
        if rate > 0.0:
            self.skipped_s += self._open_gap_s
            self.skipped_bytes += round(self._open_gap_s * rate)
            self._open_gap_s = 0.0
