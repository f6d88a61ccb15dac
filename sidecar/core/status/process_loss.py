"""Loss of the serving process, which proves a failure as a stopped process does.

In a run that answered, a working process was seen. Once connections are refused, an
inspection shows whether any process still works. A supervisor or a script's loop may
start the process again by itself, and is given time for that.
"""

import math

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import ProcessesInspected
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target
from sidecar.core.status.streaks import is_certain, may_return

MAX_GRACES = 2
"""Maximum total time, in graces from the first failure, for repeated losses."""


def should_inspect(instance: Instance, target: Target, now_mono: float) -> bool:
    """Was a connection refused since the last inspection, in a run that served?

    A second inspection follows at the end of the time in which it may return.
    """
    health, container = instance.health, instance.container
    if container is None or instance.served != container.run:
        return False
    if health.cause is not Cause.REFUSED or health.last_at is None:
        return False
    until_mono = health.may_return_until_mono or math.inf
    looked_mono = -math.inf if instance.looked_mono is None else instance.looked_mono
    if health.gone_mono is not None and now_mono >= until_mono:
        return looked_mono < until_mono
    if looked_mono >= health.last_at.mono:
        return False
    return may_return(health, now_mono) or not is_certain(health, target, now_mono)


def apply_inspection(
    instance: Instance, target: Target, event: ProcessesInspected
) -> Instance:
    """Apply the findings of an inspection about the serving process.

    An inspection that was asked for before the failure streak is ignored.
    """
    health, container = instance.health, instance.container
    asked_mono = event.at.mono if event.asked_mono is None else event.asked_mono
    if event.serves and not health.failures and health.up is True:
        instance = replace(instance, served=event.run)
    if health.cause is not Cause.REFUSED or health.first_failure_mono is None:
        return instance
    if container is None or instance.served != container.run:
        return instance
    if asked_mono < health.first_failure_mono:
        return instance
    updated_health = _apply_finding(health, target, event.waits_s, asked_mono)
    return replace(instance, health=updated_health)


def _apply_finding(
    health: Health, target: Target, waits_s: float | None, asked_mono: float
) -> Health:
    grace_s = target.restart.self_restart_grace_s
    until_mono = health.may_return_until_mono
    first_mono = health.first_failure_mono or asked_mono
    if waits_s is not None and until_mono is None:
        waits_longer = waits_s > grace_s
        until_mono = first_mono if waits_longer else asked_mono + grace_s
    elif waits_s is None and health.gone_mono is not None:
        # Another process has replaced it: it boots.
        until_mono = min(asked_mono + grace_s, first_mono + MAX_GRACES * grace_s)
    gone_mono = None if waits_s is None else asked_mono
    return replace(health, gone_mono=gone_mono, may_return_until_mono=until_mono)
