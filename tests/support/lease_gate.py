"""Lease of several watchdogs that answers as it is told."""

from collections.abc import Callable

from sidecar.core.model.decision import Decision
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

LOST = Reason.of(R.LEASE_ENDED, reason=Reason.of(R.LEASE_FREE))


class Gate:
    """A lease that answers as it is told, and remembers what was asked."""

    def __init__(self, *answers: Reason, last: Reason = NO_REASON) -> None:
        self._answers = list(answers)
        self._last = last
        self.asked: list[tuple[float, bool]] = []
        self.ended_calls = 0
        self.meanwhile: Callable[[], object] = lambda: None

    async def permit(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        self.asked.append((call_s, committed))
        self.meanwhile()
        return self._answers.pop(0) if self._answers else NO_REASON

    async def check_again(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        return self._last

    def end_call(self) -> None:
        self.ended_calls += 1
