"""Answers of Redis about the lease, worked into the state."""

from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.update import Update
from sidecar.core.step import maintenance


def on_lease_observed(state: State, event: LeaseObserved) -> Update:
    """Note what is known of the lease; a change of the holder concerns all targets."""
    after = replace(state, lease=event.status)
    is_news = _key(state.lease) != _key(event.status)
    update = maintenance.settle_waiting_tasks(after, event.at)
    return update._replace(touched=tuple(state.instances) if is_news else ())


def _key(lease: LeaseStatus | None) -> tuple[object, ...] | None:
    if lease is None:
        return None
    return (lease.token, lease.holder, bool(lease.lost), lease.rank)
