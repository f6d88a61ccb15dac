"""Start period of a run: from the settings, earlier boots, and a living process.

A daemon that boots slowly is not dead. While its process lives and it has not answered
yet, its start period is doubled; after the boot, the time that it took is learned for
the next boots.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.target import Target

LEARNED_MARGIN = 1.5
LEARNED_LIMIT = 10.0
"""Maximum learned boot time, in start periods: longer times were no boot."""

DECAY = 0.7
"""Factor by which a quick boot shortens the learned time."""

GROWTH = 2.0


def start_period_s(instance: Instance, target: Target) -> float:
    """Time after a run's start in which its failures do not count."""
    configured_s = target.cadence.start_period_s
    period_s = max(configured_s, instance.boot_s * LEARNED_MARGIN)
    grows = _may_grow(instance, target) and not has_only_waiting_process(instance)
    return period_s * GROWTH if grows else period_s


def check_start_s(instance: Instance, target: Target) -> float:
    """The start period of its own HEALTHCHECK, if a probe uses that; otherwise 0.

    The engine does not count failures in it, so it is not extended.
    """
    container = instance.container
    if container is None or not target.is_checked_natively:
        return 0.0
    return container.check_start_s


def is_starting_natively(instance: Instance, target: Target) -> bool:
    """Does its own HEALTHCHECK report that it is still starting?"""
    blind = instance.health.blind
    return target.is_checked_natively and blind is not None and blind.cause is None


def is_in_start_period(instance: Instance, target: Target, now_mono: float) -> bool:
    """Is the run in its start period, so that failures do not count?"""
    health = instance.health
    if health.ever_answered_well:
        return False
    if health.last is not None and is_boot_over(instance, target, health.last):
        return False
    return now_mono - instance.run_mono < start_period_s(instance, target)


def is_boot_over(instance: Instance, target: Target, outcome: ProbeResult) -> bool:
    """Does a refused connection show that the daemon died after its boot?

    A wallet daemon opens its port once, at the end of its boot. Another service may
    show a page while it boots, and close that port in between.
    """
    if target.wallet is None or not instance.health.has_answered:
        return False
    return outcome.cause is Cause.REFUSED


def is_late(instance: Instance, target: Target, now_mono: float) -> bool:
    """Is the run in the extension of its start period? Then it is inspected."""
    if not _may_grow(instance, target) or has_only_waiting_process(instance):
        return False
    after_s = now_mono - instance.run_mono
    whole_s = start_period_s(instance, target)
    return whole_s / GROWTH <= after_s < whole_s


def _may_grow(instance: Instance, target: Target) -> bool:
    """May the start period be extended? An answer of any kind ends a boot."""
    return target.wallet is not None and not instance.health.has_answered


def has_only_waiting_process(instance: Instance) -> bool:
    """Was only a waiting main process seen in this run?"""
    container = instance.container
    return container is not None and instance.idle == container.run


def learn_boot_s(
    instance: Instance, target: Target, outcome: ProbeResult, began_mono: float
) -> float:
    """The learned boot time, updated at the first success after failures.

    Where the first probe of a run succeeds, the boot was not observed.
    """
    health = instance.health
    if health.ever_answered_well or outcome.verdict is not ProbeVerdict.SUCCESS:
        return instance.boot_s
    took_s = began_mono - instance.run_mono
    if health.last is None or took_s > target.cadence.start_period_s * LEARNED_LIMIT:
        return instance.boot_s
    return max(took_s, instance.boot_s * DECAY)
