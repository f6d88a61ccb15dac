"""Interval between the probes of an instance."""

from itertools import chain

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.status.container_run import is_running
from sidecar.core.status.dependencies import has_answered_since_failure
from sidecar.core.status.presumed_dependencies import presumed_dependents

SLOW_FACTOR = 3.0
"""Multiple of the interval while a target waits for a person."""


def probe_interval_s(state: State, instance: Instance) -> float | None:
    """Seconds between probes; None while there is nothing to probe.

    Fast while a verdict is pending, and while a failing dependent waits for a new
    answer of this one; slow once only a person can remove the cause: every probe costs
    the daemon something, and one with a wrong password 50 ms.
    """
    from_settings = state.target_of(instance).cadence
    if not _is_probed(instance):
        return None
    if _is_awaited(state, instance) or not _is_decided(instance):
        return from_settings.fast_interval_s
    if instance.state in WORKING_STATES:
        return from_settings.interval_s
    return from_settings.interval_s * SLOW_FACTOR


def _is_probed(instance: Instance) -> bool:
    if not is_running(instance):
        return False
    return instance.remedy is None or instance.remedy.phase is not RemedyPhase.ACTING


def _is_decided(instance: Instance) -> bool:
    if instance.state in WORKING_STATES:
        return instance.settling is None
    last = instance.last_decision
    if last is None or instance.remedy is not None or instance.health.successes:
        return False
    # A decision on an earlier state is not about this one.
    beyond_us = last.action is Action.PAGE or last.guard is Guard.NOT_CURABLE
    return beyond_us and last.at.mono >= instance.since.mono


def _is_awaited(state: State, instance: Instance) -> bool:
    """Did a dependent fail after this instance's last good answer?"""
    if instance.health.failures or instance.health.last_success_mono is None:
        return False
    target = instance.id.target
    return any(
        dependent.health.failures
        and not has_answered_since_failure(instance, dependent)
        for dependent in chain(
            state.dependents(target), presumed_dependents(state, target)
        )
    )
