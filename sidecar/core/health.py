"""Streaks, thresholds and the start period of one run of a target."""

from dataclasses import dataclass, replace

from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, Outcome, Verdict
from sidecar.core.target import Target


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes of the present run add up to.

    ``up`` changes only at a threshold; None: not decided yet in this run.
    ``*_mono`` are the moments at which the probe in question was sent.
    ``frozen``: a process of the target was seen stopped (state T).
    """

    up: bool | None = None
    failures: int = 0
    successes: int = 0
    ever_answered_well: bool = False
    first_failure_mono: float | None = None
    last_success_mono: float | None = None
    last: Outcome | None = None
    last_at: Moment | None = None
    last_seconds: float = 0.0
    frozen: bool = False

    @property
    def cause(self) -> Cause | None:
        """Why the present streak of failures is one."""
        if self.failures and self.last is not None:
            return self.last.cause
        return None


def observe(
    health: Health,
    target: Target,
    outcome: Outcome,
    began_mono: float,
    at: Moment,
    *,
    starting: bool,
) -> Health:
    """Add one probe's outcome.

    One success clears a failure streak; a failure while ``starting`` does not
    count until the run's first success (kubelet and Docker count alike); an
    UNKNOWN changes no streak.
    """
    if outcome.verdict is Verdict.UNKNOWN:
        return health
    seen = replace(health, last=outcome, last_at=at, last_seconds=at.mono - began_mono)
    if outcome.verdict is Verdict.SUCCESS:
        return _succeeded(seen, target, began_mono)
    if starting and not health.ever_answered_well:
        return seen
    return _failed(seen, target, began_mono, at)


def _succeeded(health: Health, target: Target, began_mono: float) -> Health:
    successes = health.successes + 1
    settled = successes >= target.cadence.success_threshold
    return replace(
        health,
        up=True if settled else health.up,
        successes=successes,
        failures=0,
        first_failure_mono=None,
        last_success_mono=began_mono,
        ever_answered_well=True,
        frozen=False,
    )


def _failed(health: Health, target: Target, began_mono: float, at: Moment) -> Health:
    first = health.first_failure_mono
    failed = replace(
        health,
        failures=health.failures + 1,
        successes=0,
        first_failure_mono=began_mono if first is None else first,
    )
    return settle(failed, target, at.mono)


def settle(health: Health, target: Target, now_mono: float) -> Health:
    """Call the target down once its failure streak is certain."""
    return replace(health, up=False) if is_certain(health, target, now_mono) else health


def is_certain(health: Health, target: Target, now_mono: float) -> bool:
    """Is the failure streak long enough to be believed?

    Silence must also last: a wallet daemon's only thread is legitimately held
    by a network call for up to 30 s. A stopped process is certain at once.
    """
    if health.failures == 0 or health.first_failure_mono is None:
        return False
    if health.cause is Cause.HUNG:
        if health.frozen:
            return True
        if now_mono - health.first_failure_mono < target.hang_after_s:
            return False
    return health.failures >= target.cadence.failure_threshold
