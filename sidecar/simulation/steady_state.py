"""The steady state of a simulated stack: what goes on while nothing happens.

Healthy targets are probed and listed, and only the times and counts of that change. So
the state after any number of cycles follows from the state now.
"""

import math
from dataclasses import replace

from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.update import replace_instances
from sidecar.core.step.probe_interval import probe_interval_s
from sidecar.simulation.virtual_time import GRID_S, round_to_grid

LISTING_S = 30.0
"""The containers are listed so often; ticks are more frequent, and divide it."""
WINDOWS_S = 60.0
"""The periods of maintenance windows are looked at so often."""


def is_quiet(state: State) -> bool:
    """Are all targets healthy, and does nothing wait, last or follow?"""
    return (
        state.engine.reachable
        and not state.engine.deaf
        and state.own_network.since is None
        and state.plan is None
        and not (state.due or state.busy_waits or state.waiting_tasks)
        and not any(incident.open for incident in state.incidents.values())
        and bool(state.instances)
        and all(map(_is_calm, state.instances.values()))
    )


def _is_calm(instance: Instance) -> bool:
    health = instance.health
    return (
        instance.state is TargetState.HEALTHY
        and instance.is_unaffected_by_time
        and instance.settling is None
        and health.failures == 0
        and health.blind is None
    )


def is_steady(before: State, after: State) -> bool:
    """Did nothing change in between but what changes in every cycle?"""
    engine = replace(after.engine, listed_mono=before.engine.listed_mono)
    if replace(after, instances=before.instances, engine=engine) != before:
        return False
    if before.instances.keys() != after.instances.keys():
        return False
    return all(
        _with_progress_of(instance, before.instances[instance.id])
        == before.instances[instance.id]
        for instance in after.instances.values()
    )


def _with_progress_of(instance: Instance, earlier: Instance) -> Instance:
    health = replace(
        instance.health,
        successes=earlier.health.successes,
        serves=earlier.health.serves,
        last_success_mono=earlier.health.last_success_mono,
        last_at=earlier.health.last_at,
    )
    return replace(instance, health=health)


def find_cycle_s(state: State) -> float:
    """The time after which all that repeats is where it was."""
    periods = {LISTING_S}
    if state.windows:
        periods.add(WINDOWS_S)
    for instance in state.instances.values():
        interval_s = probe_interval_s(state, instance)
        if interval_s is not None:
            periods.add(round_to_grid(interval_s))
    return math.lcm(*(round(period / GRID_S) for period in periods)) * GRID_S


def advance_state(state: State, seconds: float) -> State:
    """The steady state some whole cycles later."""
    instances = (
        _advance_instance(state, instance, seconds)
        for instance in state.instances.values()
    )
    listed_mono = state.engine.listed_mono
    assert listed_mono is not None
    engine = replace(state.engine, listed_mono=listed_mono + seconds)
    return replace_instances(replace(state, engine=engine), *instances)


def _advance_instance(state: State, instance: Instance, seconds: float) -> Instance:
    interval_s = probe_interval_s(state, instance)
    health = instance.health
    if interval_s is not None and health.last_at is not None:
        probes = round(seconds / round_to_grid(interval_s))
        last, answered_mono = health.last_at, health.last_success_mono
        health = replace(
            health,
            successes=health.successes + probes,
            serves=health.serves + probes,
            last_success_mono=answered_mono and answered_mono + seconds,
            last_at=Moment(last.mono + seconds, last.wall + seconds),
        )
    return replace(instance, health=health)
