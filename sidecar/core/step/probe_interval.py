"""How soon an instance is probed again."""

from itertools import chain

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.status.container_run import is_running
from sidecar.core.status.presumed_dependencies import (
    presumed_dependents,
)

UNHURRIED = 3.0
"""Times the interval, while a person is waited for."""


def probe_interval_s(state: State, instance: Instance) -> float | None:
    """Seconds between probes; None while there is nothing to probe.

    Fast while a verdict is pending, and while a dependent's trouble waits for a
    fresh answer of this one; unhurried once a cause is known that only a person
    can cure: every probe costs the daemon something, and a wrong password 50 ms.
    """
    from_settings = state.target_of(instance).cadence
    if not _is_probed(instance):
        return None
    if _is_awaited(state, instance) or not _is_decided(instance):
        return from_settings.fast_interval_s
    if instance.state in WORKING_STATES:
        return from_settings.interval_s
    return from_settings.interval_s * UNHURRIED


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
    # What was decided on an earlier state says nothing of this one.
    beyond_us = last.action is Action.PAGE or last.guard is Guard.NOT_CURABLE
    return beyond_us and last.at.mono >= instance.since.mono


def _is_awaited(state: State, instance: Instance) -> bool:
    """Does a dependent fail since before the last good answer, and is one likely?"""
    answered = instance.health.last_success_mono
    if instance.health.failures or answered is None:
        return False
    names = state.topology.dependents.get(instance.id.target, ())
    known = (i for name in names for i in state.replicas(name))
    for dependent in chain(known, presumed_dependents(state, instance.id.target)):
        first = dependent.health.first_failure_mono
        if first is not None and answered < first:
            return True
    return False
