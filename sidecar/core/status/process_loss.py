"""Has the process that served gone? That is proof, as a stopped one is.

In a run that answered a process was seen that works. Once connections are refused it
is looked whether anything works there yet. What is left of it may start it again by
itself: a supervisor, or a script's loop. So it has a while for that.
"""

import math
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import ProcessesInspected
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.target import Target
from sidecar.core.status.streaks import is_certain, may_return

AT_MOST = 2
"""Times the grace, from the first failure on: what dies again and again has no more."""


def should_inspect(instance: Instance, target: Target, now_mono: float) -> bool:
    """Was a connection refused since the last look, in a run in which one served?

    And once more, when the time is over in which it may return.
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
    """What a look says of the process that serves.

    One that was asked for before the last answer, or before the streak, says nothing.
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
    found = _apply_finding(health, target, event.waits_s, asked_mono)
    return replace(instance, health=found)


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
        # Something took its place: it boots.
        until_mono = min(asked_mono + grace_s, first_mono + AT_MOST * grace_s)
    gone_mono = None if waits_s is None else asked_mono
    return replace(health, gone_mono=gone_mono, may_return_until_mono=until_mono)
