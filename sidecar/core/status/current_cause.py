"""Current cause of a target's failure, by its last probe and its container."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.start_period import has_only_waiting_process


def current_cause(instance: Instance) -> Cause | None:
    """The cause by the last probe or the container, counted or not."""
    if has_exited(instance):
        return Cause.NOT_RUNNING
    last = instance.health.last
    if last is None or last.verdict is not ProbeVerdict.FAILURE:
        return None
    if _never_came_up(instance):
        return Cause.NEVER_UP
    return Cause.THREAD_HELD if _is_busy(instance) else last.cause


def _is_busy(instance: Instance) -> bool:
    """Is the target down and busy, and not silent for long enough to be hung?"""
    health = instance.health
    if health.busy_mono is None or health.hung:
        return False
    return health.up is False and health.cause is Cause.HUNG


def _never_came_up(instance: Instance) -> bool:
    """Did the port stay closed through this start and the one before?

    If the daemon has died in a container that goes on, the port is closed as well: that
    is another failure.
    """
    health = instance.health
    if has_only_waiting_process(instance):
        return False
    if health.up is not False or health.cause is not Cause.REFUSED:
        return False
    return not health.has_answered and instance.refused_starts > 0


def last_reason(instance: Instance) -> Reason:
    """Reason of the last probe."""
    last = instance.health.last
    return last.reason if last is not None else NO_REASON


def has_exited(instance: Instance) -> bool:
    """Has its container ended, or could it not start?"""
    container = instance.container
    if container is None:
        return False
    if container.status is Status.CREATED:
        return container.could_not_start
    return container.status not in {Status.RUNNING, Status.PAUSED, Status.UNKNOWN}
