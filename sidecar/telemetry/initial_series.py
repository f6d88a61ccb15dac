"""Labels of the series that begin at zero with their target."""

from itertools import product

from sidecar.core.model.cause import Cause, CauseSource
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.target import Target
from sidecar.core.model.transition import RemedyOutcome

RESTART_LABELS = tuple(product(Trigger, RemedyOutcome))
_DECISION_LABELS = (
    (Action.START, Guard.NONE),
    (Action.RESTART, Guard.NONE),
    (Action.LOAD_WALLET, Guard.NONE),
    (Action.PAGE, Guard.NOT_CURABLE),
    (Action.SKIP, Guard.NOT_CURABLE),
    (Action.SKIP, Guard.UNSTABLE),
)


def decision_labels(target: Target) -> list[tuple[Action, Guard]]:
    """Actions and guards that a decision about this target often has."""
    deeper = [(Action.RECREATE, Guard.NONE)] if target.recreate else []
    return [*_DECISION_LABELS, *deeper]


def probe_labels(target: Target) -> list[tuple[str, str]]:
    """Verdicts and causes that a probe of this target can have."""
    failures = [
        (ProbeVerdict.FAILURE, cause)
        for cause in _causes(target)
        if CAUSES[cause].source is CauseSource.PROBE
    ]
    unknowns = [
        (ProbeVerdict.UNKNOWN, cause)
        for cause in Cause
        if CAUSES[cause].source is CauseSource.UNKNOWN_PROBE
    ]
    return [(ProbeVerdict.SUCCESS, ""), *failures, *unknowns]


def incident_labels(target: Target) -> list[tuple[str, str]]:
    """Severities and causes that an incident of this target can have."""
    return [
        (target.severity or CAUSES[cause].severity, cause) for cause in _causes(target)
    ]


def _causes(target: Target) -> list[Cause]:
    is_wallet = target.wallet is not None
    return [cause for cause in Cause if is_wallet or not CAUSES[cause].wallets_only]
