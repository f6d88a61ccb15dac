"""Circuit breaker: a callee that fails repeatedly is not called for a while.

Times are monotonic seconds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class BreakerState(StrEnum):
    """CLOSED permits every call, OPEN none, HALF_OPEN one trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Opens after ``threshold`` failures in a row; a success closes it.

    ``since`` is when it opened or when its last trial began; None while closed.
    A trial whose result is never recorded costs another ``retry_after_s``.
    """

    threshold: int = 5
    retry_after_s: float = 120.0
    failures: int = 0
    since: float | None = None
    trying: bool = False

    def state(self, now: float) -> BreakerState:
        """Closed, open, or half-open: a trial is due or under way."""
        if self.since is None:
            return BreakerState.CLOSED
        if self.trying or self.wait_s(now) == 0.0:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may be made; 0.0: now."""
        if self.since is None:
            return 0.0
        return max(0.0, self.since + self.retry_after_s - now)

    def record_call(self, now: float) -> "CircuitBreaker":
        """Record the begin of a call; ``wait_s`` was 0.0."""
        if self.since is None:
            return self
        return replace(self, since=now, trying=True)

    def record_success(self) -> "CircuitBreaker":
        """Record a successful call: the breaker closes."""
        return replace(self, failures=0, since=None, trying=False)

    def record_failure(self, now: float) -> "CircuitBreaker":
        """Record a failed call: the breaker may open."""
        failures = self.failures + 1
        opens = self.trying or (self.since is None and failures >= self.threshold)
        since = now if opens else self.since
        return replace(self, failures=failures, since=since, trying=False)
