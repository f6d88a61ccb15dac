"""The reason why a swarm service is left alone."""

from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason


def describe_hold(hold: ServiceHold) -> Reason:
    """The reason of a hold; no reason: there is none."""
    if hold is ServiceHold.NONE:
        return NO_REASON
    if hold is ServiceHold.SCALED_TO_ZERO:
        return Reason.of(R.SCALED_TO_ZERO)
    return Reason.of(R.SERVICE_UPDATING, state=hold)
