"""The time of a first failure, for messages, incidents and post-mortems alike."""

from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment


def first_failure_wall(instance: Instance, at: Moment) -> float:
    """Wall clock time of an instance's first failure; ``at`` where it does not fail.

    A failed probe counts from its sending, a silence from the request that was not
    answered, an exit from its occurrence. A remedy's failure began before the remedy.
    """
    remedy, missing = instance.remedy, instance.missing_since
    failures_mono = (
        instance.health.first_failure_mono,
        instance.exited_mono,
        missing.mono if missing is not None else None,
        remedy.first_failure_mono if remedy is not None else None,
    )
    began_mono = min(
        (mono for mono in failures_mono if mono is not None), default=at.mono
    )
    return at.wall - max(0.0, at.mono - began_mono)
