"""The sum of the probes of one run of a target."""

from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult


class ReachLoss(NamedTuple):
    """That it cannot be reached: since when, and what the last probe said of it.

    ``is_proven``: the engine says that our own container has left the network.
    """

    since_mono: float
    is_silent: bool = False
    shares_network: bool = False
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes of the present run add up to.

    ``up`` changes only at a threshold; None: not decided yet in this run.
    ``*_mono`` are the moments at which the probe in question was sent.
    ``alike``: so many of the failures, up to the last, call for the same cure;
    ``cause_mono``: since when they have had the last one's cause. ``beyond``: so many
    of them, up to the last, are silence or call for no cure of ours.
    ``hung``: the present silence is certain.
    ``frozen``: a process of the target was seen stopped (state T).
    ``gone_mono``: when the last look was asked for, if it found the process that served
    gone and nothing in its place. ``may_return_until_mono``: so long what was left of
    it, or took its place, has to answer; None: it was not seen gone in this streak.
    ``is_calm``: when it last answered, it did so soon and had its upstream server, so
    that no call of others can hold it for long. ``held_mono``: when a probe last found
    that it had to wait, and ``busy_mono`` since when each of them has found that.
    ``has_answered``: anything at all, in this run.
    ``serves``: so many answers say that all works that a remedy can mend, with nothing
    but silence between them.
    ``blind``: the last UNKNOWN, and ``blind_mono`` when they began, while
    nothing has been learnt since. ``loss``: the last one; it may be over.
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
        """Why the present streak of failures is one."""
        if self.failures and self.last is not None:
            return self.last.cause
        return None
