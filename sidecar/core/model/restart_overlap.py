"""Stops by others that our own restart undid.

An engine starts a container that it restarts, even if somebody stopped it meanwhile. It
reports each stop and each restart: those beyond our own are from others.
"""

from dataclasses import dataclass

from sidecar.core.model.container import RunId
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace

EVENT_DELAY_S = 2.0
"""Delay within which the engine has reported the events of our own call."""

CLOCK_SKEW_S = 0.5
"""Maximum lag of the engine's clock behind ours."""


@dataclass(frozen=True, slots=True)
class RestartOverlap:
    """Engine events during one of our remedies.

    ``since_mono``: begin of the remedy; None: no remedy of this process. Events from
    before it, which the engine repeats after our own restart, are not counted.
    ``own``: number of our own stops, each part of a restart. ``run`` is the resulting
    run, and ``acted_mono`` its time; None: the remedy is still acting.
    """

    since_mono: float | None = None
    stops: int = 0
    restarts: int = 0
    own: int = 0
    run: RunId | None = None
    acted_mono: float | None = None

    @property
    def has_others_stop(self) -> bool:
        """Did somebody else stop the container, without a restart?"""
        others_restarts = max(0, self.restarts - self.own)
        return self.run is not None and self.stops - self.own > others_restarts


def count_engine_event(
    overlap: RestartOverlap, kind: EngineEventKind, when_mono: float
) -> RestartOverlap:
    """Count an engine event of the treated run."""
    if overlap.since_mono is None or when_mono < overlap.since_mono - CLOCK_SKEW_S:
        return overlap
    if kind is EngineEventKind.STOP:
        return replace(overlap, stops=overlap.stops + 1)
    if kind is EngineEventKind.RESTART:
        return replace(overlap, restarts=overlap.restarts + 1)
    return overlap


def end_own_part(
    overlap: RestartOverlap, own: int, run: RunId | None, at: Moment
) -> RestartOverlap:
    """Record the end of our own action."""
    return replace(overlap, own=own, run=run, acted_mono=at.mono)


def has_undone_stop(overlap: RestartOverlap, run: RunId, now_mono: float) -> bool:
    """Does the container run although somebody else stopped it in our restart?"""
    if overlap.run != run or overlap.acted_mono is None:
        return False
    return overlap.has_others_stop and now_mono - overlap.acted_mono >= EVENT_DELAY_S
