"""Which calls a daemon dies of. They are not sent again to a run that lives.

Some builds end at an error that others answer: a probe that repeats such a call at
every start is what keeps the daemon down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.probe_result import ProbeResult

DIES_WITHIN_S = 1.0
"""A connection that breaks later broke for another reason."""

DEATHS = 2
"""One may be a coincidence."""


@dataclass(frozen=True, slots=True)
class _History:
    """Of one daemon: ``suspect`` broke the connection to ``run``, and whether that
    died of it is not known yet. ``deaths`` counts by call; ``died``: the run's daemon
    died of one.
    """

    run: RunId
    suspect: str = ""
    died: bool = False
    deaths: Mapping[str, int] = field(default_factory=dict)

    @property
    def avoided(self) -> frozenset[str]:
        """What must not be sent."""
        return frozenset(m for m, n in self.deaths.items() if n >= DEATHS)


class FatalCalls:
    """Remembers, for each daemon, the calls that it died of."""

    def __init__(self) -> None:
        self._histories: dict[str, _History] = {}

    def avoided(self, place: str, run: RunId) -> frozenset[str]:
        """What must not be sent to this run."""
        known = self._histories.get(place)
        if known is None:
            return frozenset()
        if known.run != run:
            known = self._histories[place] = _with_new_run(known, run)
        return known.avoided

    def note(self, place: str, run: RunId, outcome: ProbeResult) -> None:
        """A probe of the daemon ended: did it die of a call, or answer it?"""
        self.avoided(place, run)
        known = self._histories.get(place)
        broke = outcome.broke_on if outcome.waited_s <= DIES_WITHIN_S else ""
        if broke:
            known = known or _History(run)
            self._histories[place] = replace(known, suspect=broke)
        elif known is not None and known.suspect:
            died = outcome.cause is Cause.REFUSED
            self._histories[place] = _judge_history(known, died=died)

    def forget(self, place: str, method: str) -> None:
        """The daemon has answered this call: it does not die of it."""
        known = self._histories.get(place)
        if known is not None and method in known.deaths:
            deaths = {m: n for m, n in known.deaths.items() if m != method}
            self._histories[place] = replace(known, deaths=deaths)


def _judge_history(known: _History, *, died: bool) -> _History:
    if not died:
        return replace(known, suspect="")
    deaths = {**known.deaths, known.suspect: known.deaths.get(known.suspect, 0) + 1}
    return replace(known, suspect="", died=True, deaths=deaths)


def _with_new_run(known: _History, run: RunId) -> _History:
    """Where the run before did not end of a call, the call is tried once more."""
    if known.suspect:
        known = _judge_history(known, died=True)
    if known.died:
        return _History(run, deaths=known.deaths)
    once = {method: min(n, DEATHS - 1) for method, n in known.deaths.items()}
    return _History(run, deaths=once)
