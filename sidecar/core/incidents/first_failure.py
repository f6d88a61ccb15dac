"""When trouble began: one definition, for messages, incidents and post-mortems."""

from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment


def first_failure_wall(instance: Instance, at: Moment) -> float:
    """When an instance first failed, by the wall clock; ``at`` where it does not.

    A probe fails when it is sent, a silence begins with the request that was not
    answered, an exit when it happens. What a remedy is for began before the remedy.
    """
    remedy, missing = instance.remedy, instance.missing_since
    known = (
        instance.health.first_failure_mono,
        instance.exited_mono,
        missing.mono if missing is not None else None,
        remedy.first_failure_mono if remedy is not None else None,
    )
    began = min((mono for mono in known if mono is not None), default=at.mono)
    return at.wall - max(0.0, at.mono - began)
