"""How long a start may take: by the settings, by what earlier boots took, by proof.

A daemon that boots slowly is no dead one. While its process lives and it has not
answered yet, it is given twice the time, and once it has booted, its next boots are
given what that one took.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.target import Target

LEARNED_MARGIN = 1.5
LEARNED_AT_MOST = 10.0
"""Times the start period: what took longer was no boot."""

FORGOTTEN = 0.7
"""A quick boot shortens what a slow one taught by that much at a time."""

GROWTH = 2.0


def start_period_s(instance: Instance, target: Target) -> float:
    """How long after its start this run's failures do not count."""
    configured_s = target.cadence.start_period_s
    period_s = max(configured_s, instance.boot_s * LEARNED_MARGIN)
    grows = _may_grow(instance, target) and not is_idle(instance)
    return period_s * GROWTH if grows else period_s


def check_start_s(instance: Instance, target: Target) -> float:
    """The start period of its own HEALTHCHECK, where that has a say.

    The engine does not count failures in it, so nothing of ours is added to it.
    """
    container = instance.container
    if container is None or not target.is_checked_natively:
        return 0.0
    return container.check_start_s


def is_starting_natively(instance: Instance, target: Target) -> bool:
    """Was the last word of its own HEALTHCHECK that it is still starting?"""
    blind = instance.health.blind
    return target.is_checked_natively and blind is not None and blind.cause is None


def is_in_start_period(instance: Instance, target: Target, now_mono: float) -> bool:
    """Do failures not count yet?"""
    health = instance.health
    if health.ever_answered_well:
        return False
    if health.last is not None and is_boot_over(instance, target, health.last):
        return False
    return now_mono - instance.run_mono < start_period_s(instance, target)


def is_boot_over(instance: Instance, target: Target, outcome: ProbeResult) -> bool:
    """Does a refusal show that the daemon's boot is over, and the daemon with it?

    It opens its port once, at the end of its boot. Another service may show a page
    of its own while it boots, and close that port in between.
    """
    if target.wallet is None or not instance.health.has_answered:
        return False
    return outcome.cause is Cause.REFUSED


def is_late(instance: Instance, target: Target, now_mono: float) -> bool:
    """Is only its growth left of the start period? Then it is looked at."""
    if not _may_grow(instance, target) or is_idle(instance):
        return False
    after_s = now_mono - instance.run_mono
    whole_s = start_period_s(instance, target)
    return whole_s / GROWTH <= after_s < whole_s


def _may_grow(instance: Instance, target: Target) -> bool:
    """An answer of any kind ends a boot."""
    return target.wallet is not None and not instance.health.has_answered


def is_idle(instance: Instance) -> bool:
    """Was nothing but a waiting main process seen in this run?"""
    container = instance.container
    return container is not None and instance.idle == container.run


def learn_boot_s(
    instance: Instance, target: Target, outcome: ProbeResult, began_mono: float
) -> float:
    """What boots take, with this probe: the first good answer after failures tells.

    Where the first probe of a run succeeds, nobody watched the boot.
    """
    health = instance.health
    if health.ever_answered_well or outcome.verdict is not ProbeVerdict.SUCCESS:
        return instance.boot_s
    took_s = began_mono - instance.run_mono
    if health.last is None or took_s > target.cadence.start_period_s * LEARNED_AT_MOST:
        return instance.boot_s
    return max(took_s, instance.boot_s * FORGOTTEN)
