"""Memory of the calls that a daemon dies of; they are not sent to it again.

Some builds crash at an error that others answer: a probe that repeats such a call
after every start would keep the daemon down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.probe_result import ProbeResult

DIES_WITHIN_S = 1.0
"""A connection that breaks later than this broke for another reason."""

DEATHS = 2
"""Deaths after which a call is avoided; a single one may be a coincidence."""


@dataclass(frozen=True, slots=True)
class _History:
    """The history of one daemon.

    ``suspect``: the call that broke the connection to ``run``; whether the daemon died
    of it is not known yet. ``died``: the daemon of this run died of a call. ``deaths``
    counts by call.
    """

    run: RunId
    suspect: str = ""
    died: bool = False
    deaths: Mapping[str, int] = field(default_factory=dict)

    @property
    def fatal_methods(self) -> frozenset[str]:
        """The methods that must not be sent."""
        return frozenset(m for m, n in self.deaths.items() if n >= DEATHS)


class FatalCalls:
    """Remembers for each daemon the calls that it died of."""

    def __init__(self) -> None:
        self._histories: dict[str, _History] = {}

    def methods_to_avoid(self, place: str, run: RunId) -> frozenset[str]:
        """The methods that must not be sent to this run."""
        history = self._histories.get(place)
        if history is None:
            return frozenset()
        if history.run != run:
            history = self._histories[place] = _with_new_run(history, run)
        return history.fatal_methods

    def note(self, place: str, run: RunId, outcome: ProbeResult) -> None:
        """Record the end of a probe: did the daemon die of a call, or answer it?"""
        self.methods_to_avoid(place, run)
        history = self._histories.get(place)
        broke = outcome.broke_on if outcome.waited_s <= DIES_WITHIN_S else ""
        if broke:
            history = history or _History(run)
            self._histories[place] = replace(history, suspect=broke)
        elif history is not None and history.suspect:
            died = outcome.cause is Cause.REFUSED
            self._histories[place] = _judge_history(history, died=died)

    def forget(self, place: str, method: str) -> None:
        """Forget the deaths of a call that the daemon has answered."""
        history = self._histories.get(place)
        if history is not None and method in history.deaths:
            deaths = {m: n for m, n in history.deaths.items() if m != method}
            self._histories[place] = replace(history, deaths=deaths)


def _judge_history(history: _History, *, died: bool) -> _History:
    if not died:
        return replace(history, suspect="")
    deaths = {
        **history.deaths,
        history.suspect: history.deaths.get(history.suspect, 0) + 1,
    }
    return replace(history, suspect="", died=True, deaths=deaths)


def _with_new_run(history: _History, run: RunId) -> _History:
    """The history for a new run; after a run without a death a call is tried again."""
    if history.suspect:
        history = _judge_history(history, died=True)
    if history.died:
        return _History(run, deaths=history.deaths)
    once = {method: min(n, DEATHS - 1) for method, n in history.deaths.items()}
    return _History(run, deaths=once)
