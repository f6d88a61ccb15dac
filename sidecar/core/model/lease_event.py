"""The event of a watchdog that has asked Redis for the lease."""

from dataclasses import dataclass

from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.moment import Moment


@dataclass(frozen=True, slots=True)
class LeaseObserved:
    """What the watchdog knows of the lease now."""

    at: Moment
    status: LeaseStatus
