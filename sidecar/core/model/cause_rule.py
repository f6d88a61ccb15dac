"""Properties of a cause, as the table of causes has them."""

from typing import NamedTuple

from sidecar.core.model.cause import CauseSource, RemedyKind, Severity
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason


class CauseRule(NamedTuple):
    """Properties of a cause, used once the cause is certain.

    ``remedy`` is None where no remedy of ours can help; ``why_not`` then says so
    in words that fit after "because". ``grace_s`` is how long the cause may
    last before a person is told; ``advice`` is what the person should do.
    ``was`` fits after a target's name in a post-mortem, ``next_steps`` are its action
    items. ``source``: which probes can yield the cause; ``wallets_only``: those of
    wallet daemons alone. ``serves_nobody``: its dependents cannot use it meanwhile.
    ``proves_answer``: the target did answer, although not well.
    ``daemon_works``: a wallet daemon reports it that runs, answers and has its wallets;
    ``of_upstream``: it is a fault of the daemon's upstream server.
    ``worse_by_restart``: messages advise against a restart.
    ``is_unmeasured``: Sidecar cannot probe the target; others may still reach it.
    ``is_ours``: a fault between Sidecar and the target, such as a wrong password; to
    correct it does not repair what needs the target.
    ``is_meant``: a person did it.
    """

    severity: Severity
    why_not: Reason
    advice: Reason
    was: str
    next_steps: tuple[str, ...]
    remedy: RemedyKind | None = None
    grace_s: float = 0.0
    source: CauseSource = CauseSource.PROBE
    wallets_only: bool = False
    serves_nobody: bool = False
    proves_answer: bool = False
    daemon_works: bool = False
    of_upstream: bool = False
    worse_by_restart: bool = False
    is_unmeasured: bool = False
    is_ours: bool = False
    is_meant: bool = False


def curable_rule(
    was: str,
    next_steps: tuple[str, ...],
    *,
    remedy: RemedyKind = RemedyKind.RESTART,
    source: CauseSource = CauseSource.PROBE,
    proves_answer: bool = False,
) -> CauseRule:
    """The rule of a cause that a remedy may cure."""
    advice = Reason.of(R.READ_LOG_IF_NEEDED)
    return CauseRule(
        severity=Severity.P1,
        why_not=NO_REASON,
        advice=advice,
        was=was,
        next_steps=next_steps,
        remedy=remedy,
        source=source,
        serves_nobody=True,
        proves_answer=proves_answer,
    )
