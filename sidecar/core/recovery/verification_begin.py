"""Begin of the verification of a remedy that the executor has carried out."""

from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.status.start_period import check_start_s


def begin_verification(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Instance:
    """The instance with its remedy in the phase VERIFYING, until its deadline."""
    target = state.target_of(instance)
    recovery_s = target.restart.recovery_timeout_s + check_start_s(instance, target)
    verifying = replace(
        remedy,
        phase=RemedyPhase.VERIFYING,
        deadline_mono=event.at.mono + recovery_s,
        note=event.reason,
        uncertain=event.result is RemedyCallResult.UNKNOWN,
    )
    return replace(instance, remedy=verifying)
