"""The schedule of counting a wallet's addresses: rarely where counting is slow.

The daemon has one thread, and the answer is a list of all addresses. So counting may
take at most the share THREAD_SHARE of the thread's time, for any number of addresses.
Waiting is no cost: on a loaded machine it would put off the count of a small wallet for
minutes, and addresses that are made and lost between two counts are never missed.
"""

from typing import NamedTuple

from sidecar.core.model.container import RunId

THREAD_SHARE = 0.0002
LONGEST_PAUSE_S = 600.0
FIRST_COST_S = 0.01
"""The maximum cost of the first count: part of its time may have been waiting."""

REQUEST_S = 0.001
ADDRESS_S = 0.0001
"""The maximum cost of a request, and of each address in its answer."""

GROWTH = 2.0
"""The maximum factor between the costs of two counts; the rest was waiting."""


class _LastCount(NamedTuple):
    run: RunId
    cost_s: float
    due_mono: float


class AddressCounts:
    """Remembers for each daemon when its addresses are to be counted next."""

    def __init__(self) -> None:
        self._counted: dict[str, _LastCount] = {}

    def is_due(self, place: str, run: RunId, now_mono: float) -> bool:
        """Is a count due? In a new run it is due at once."""
        last = self._counted.get(place)
        return last is None or last.run != run or now_mono >= last.due_mono

    def note(
        self,
        place: str,
        run: RunId,
        addresses: int | None,
        *,
        took_s: float,
        now_mono: float,
    ) -> None:
        """Record a count that took ``took_s``; ``addresses`` None: it failed."""
        last = self._counted.get(place)
        at_most_s = FIRST_COST_S if last is None else last.cost_s * GROWTH
        if addresses is not None:
            at_most_s = min(at_most_s, REQUEST_S + ADDRESS_S * addresses)
        cost_s = min(took_s, at_most_s)
        pause_s = min(cost_s / THREAD_SHARE, LONGEST_PAUSE_S)
        self._counted[place] = _LastCount(run, cost_s, now_mono + pause_s)
