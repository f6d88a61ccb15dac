"""Labels of the series that begin at zero with their target.

Thousands of targets share the same few tuples.
"""

from functools import cache
from itertools import product

from sidecar.core.model.cause import Cause, CauseSource, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.target import Target
from sidecar.core.model.transition import RemedyOutcome

MOST_TARGETS_AT_ZERO = 500
"""With more targets no series begins at zero: a scrape would have 9 kB for each."""

RESTART_LABELS = tuple(product(Trigger, RemedyOutcome))
_DECISION_LABELS = (
    (Action.START, Guard.NONE),
    (Action.RESTART, Guard.NONE),
    (Action.LOAD_WALLET, Guard.NONE),
    (Action.PAGE, Guard.NOT_CURABLE),
    (Action.SKIP, Guard.NOT_CURABLE),
    (Action.SKIP, Guard.UNSTABLE),
)
_DEEPER_DECISION_LABELS = (*_DECISION_LABELS, (Action.RECREATE, Guard.NONE))


def decision_labels(target: Target) -> tuple[tuple[Action, Guard], ...]:
    """Actions and guards that a decision about this target often has."""
    return _DEEPER_DECISION_LABELS if target.recreate else _DECISION_LABELS


def probe_labels(target: Target) -> tuple[tuple[str, str], ...]:
    """Verdicts and causes that a probe of this target can have."""
    return _probe_labels(is_wallet=target.wallet is not None)


@cache
def _probe_labels(*, is_wallet: bool) -> tuple[tuple[str, str], ...]:
    failures = [
        (ProbeVerdict.FAILURE, cause)
        for cause in _causes(is_wallet=is_wallet)
        if CAUSES[cause].source is CauseSource.PROBE
    ]
    unknowns = [
        (ProbeVerdict.UNKNOWN, cause)
        for cause in Cause
        if CAUSES[cause].source is CauseSource.UNKNOWN_PROBE
    ]
    return (ProbeVerdict.SUCCESS, ""), *failures, *unknowns


def incident_labels(target: Target) -> tuple[tuple[str, str], ...]:
    """Severities and causes that an incident of this target can have."""
    return _incident_labels(target.severity, is_wallet=target.wallet is not None)


@cache
def _incident_labels(
    severity: Severity | None, *, is_wallet: bool
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (severity or CAUSES[cause].severity, cause)
        for cause in _causes(is_wallet=is_wallet)
    )


def _causes(*, is_wallet: bool) -> list[Cause]:
    return [cause for cause in Cause if is_wallet or not CAUSES[cause].wallets_only]
