"""The event of a watchdog that has asked Redis for the lease."""

from dataclasses import dataclass

from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.moment import Moment


@dataclass(frozen=True, slots=True)
class LeaseObserved:
    """The lease as the watchdog knows it now."""

    at: Moment
    status: LeaseStatus
