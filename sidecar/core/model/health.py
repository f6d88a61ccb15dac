"""Health: the accumulated probe results of one run of a target."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult


class ReachLoss(NamedTuple):
    """Loss of the network path to a target: its begin and the last probe's findings.

    ``is_proven``: the engine says that our own container has left the network.
    """

    since_mono: float
    is_silent: bool = False
    shares_network: bool = False
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Accumulated probe results of the current run.

    ``up`` changes only at a threshold; None: not decided yet in this run.
    ``*_mono`` are the moments at which the probe in question was sent.
    ``alike``: number of last failures in a row that need the same remedy;
    ``cause_mono``: since when failures have had the last one's cause. ``beyond``:
    number of last failures in a row that are silence or have no remedy of ours.
    ``hung``: the current silence is a certain hang.
    ``frozen``: a process of the target was seen stopped (state T).
    ``gone_mono``: when the last inspection was asked for, if it found the serving
    process gone and not replaced. ``may_return_until_mono``: deadline for a supervisor
    or a successor to answer; None: the process was not seen gone in this streak.
    ``is_calm``: the last answer came soon, with a connected upstream server, so that
    no call of others can hold the daemon for long. ``held_mono``: when a probe last had
    to wait; ``busy_mono``: since when every probe had to wait.
    ``has_answered``: the target gave any answer in this run.
    ``serves``: number of answers in a row, with only silence between them, that show no
    fault with a remedy.
    ``blind``: the last UNKNOWN result, and ``blind_mono`` the begin of the UNKNOWN
    streak; None after any other result. ``loss``: the last loss; it may be over.
    """

    up: bool | None = None
    failures: int = 0
    alike: int = 0
    beyond: int = 0
    hung: bool = False
    successes: int = 0
    ever_answered_well: bool = False
    first_failure_mono: float | None = None
    cause_mono: float | None = None
    last_success_mono: float | None = None
    last: ProbeResult | None = None
    last_at: Moment | None = None
    last_seconds: float = 0.0
    frozen: bool = False
    gone_mono: float | None = None
    may_return_until_mono: float | None = None
    has_answered: bool = False
    is_calm: bool = False
    held_mono: float | None = None
    busy_mono: float | None = None
    serves: int = 0
    blind: ProbeResult | None = None
    blind_mono: float | None = None
    loss: ReachLoss | None = None

    @property
    def cause(self) -> Cause | None:
        """Cause of the current failure streak."""
        if self.failures and self.last is not None:
            return self.last.cause
        return None

    @property
    def is_blind(self) -> bool:
        """Was the last probe result UNKNOWN because of our own network?"""
        return self.blind is not None and self.blind.cause is Cause.OWN_NETWORK

    @property
    def is_unreached(self) -> bool:
        """Did the last probe not reach it, because of the path or our own network?"""
        if self.failures and self.last is not None and self.last.path_fault:
            return True
        return self.is_blind

    @property
    def reached_mono(self) -> float:
        """Begin of its last probe, if that reached it; otherwise minus infinity.

        Not by silence: the connection of a silent target may be older.
        """
        last = self.last
        if last is None or self.last_at is None or last.path_fault:
            return -math.inf
        if last.cause is Cause.HUNG:
            return -math.inf
        return self.last_at.mono - self.last_seconds
