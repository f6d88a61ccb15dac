"""What the last probe and the container say is wrong."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.start_period import is_idle


def current_cause(instance: Instance) -> Cause | None:
    """The cause that the last look at the target showed, counted or not."""
    if has_exited(instance):
        return Cause.NOT_RUNNING
    last = instance.health.last
    if last is None or last.verdict is not ProbeVerdict.FAILURE:
        return None
    if _never_came_up(instance):
        return Cause.NEVER_UP
    return Cause.THREAD_HELD if _is_busy(instance) else last.cause


def _is_busy(instance: Instance) -> bool:
    """Is it down for what no restart cures, and silent for not long enough to hang?"""
    health = instance.health
    if health.busy_mono is None or health.hung:
        return False
    return health.up is False and health.cause is Cause.HUNG


def _never_came_up(instance: Instance) -> bool:
    """Is the port refused to the end of this start, as it was in the one before?

    A daemon that has died, in a container that goes on, refuses as well: that is
    another trouble.
    """
    health = instance.health
    if is_idle(instance):
        return False
    if health.up is not False or health.cause is not Cause.REFUSED:
        return False
    return not health.has_answered and instance.refused_starts > 0


def last_reason(instance: Instance) -> Reason:
    """What the last probe said."""
    last = instance.health.last
    return last.reason if last is not None else NO_REASON


def has_exited(instance: Instance) -> bool:
    """Does its container not run, although it was to?"""
    container = instance.container
    if container is None:
        return False
    if container.status is Status.CREATED:
        return container.could_not_start
    return container.status not in {Status.RUNNING, Status.PAUSED, Status.UNKNOWN}
