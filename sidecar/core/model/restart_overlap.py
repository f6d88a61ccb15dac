"""Stops by others that a restart of ours undid.

An engine starts what it restarts, though somebody has it stopped meanwhile. It tells of
each stop and of each restart that it carried out: those beyond our own are others'.
"""

from dataclasses import dataclass, replace

from sidecar.core.model.container import RunId
from sidecar.core.model.event import EngineEventKind
from sidecar.core.model.moment import Moment

HEARD_S = 2.0
"""By then the engine has told of what ended with our own call."""

CLOCKS_S = 0.5
"""So much the engine's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class RestartOverlap:
    """What the engine told of while a remedy of ours was under way.

    ``since_mono``: when the remedy began; None: none of this process's. What the engine
    tells of from before, as it does after our own restart, is not of this remedy.
    ``own``: so many stops, each part of a restart, were ours. ``run`` is the one that
    the remedy led to, and ``acted_mono`` when; None: it is still at it.
    """

    since_mono: float | None = None
    stops: int = 0
    restarts: int = 0
    own: int = 0
    run: RunId | None = None
    acted_mono: float | None = None

    @property
    def has_others_stop(self) -> bool:
        """Did somebody else have it stopped, and not restarted?"""
        others_restarts = max(0, self.restarts - self.own)
        return self.run is not None and self.stops - self.own > others_restarts


def count_engine_event(
    overlap: RestartOverlap, kind: EngineEventKind, when_mono: float
) -> RestartOverlap:
    """The engine tells what was done to the run that is being treated."""
    if overlap.since_mono is None or when_mono < overlap.since_mono - CLOCKS_S:
        return overlap
    if kind is EngineEventKind.STOP:
        return replace(overlap, stops=overlap.stops + 1)
    if kind is EngineEventKind.RESTART:
        return replace(overlap, restarts=overlap.restarts + 1)
    return overlap


def end_own_part(
    overlap: RestartOverlap, own: int, run: RunId | None, at: Moment
) -> RestartOverlap:
    """Our own part is over."""
    return replace(overlap, own=own, run=run, acted_mono=at.mono)


def has_undone_stop(overlap: RestartOverlap, run: RunId, now_mono: float) -> bool:
    """Does it run although somebody else stopped it during our restart?"""
    if overlap.run != run or overlap.acted_mono is None:
        return False
    return overlap.has_others_stop and now_mono - overlap.acted_mono >= HEARD_S
