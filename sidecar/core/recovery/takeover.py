"""Takeover from a dead process: its clock, its streaks, its open remedies.

A monotonic clock is not valid in another process, nor after a reboot. So stored
monotonic times are shifted by the wall clock: an hour stays an hour.
"""

from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

from sidecar.core.model.drill import Drill, DrillPhase, enter_phase
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import (
    EngineStatus,
    OwnNetworkStatus,
    SettingsStatus,
    State,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.status.container_run import is_running

STREAK_GAP_S = 60.0
"""Failures on both sides of a longer gap are not consecutive."""

ENGINE_RESTART_S = 30.0
"""Time that an engine may take for a restart, beyond the stop timeout."""

RESUMED_VERIFICATION_S = 30.0
"""Least time of a resumed verification: enough for a few probes."""

_MONOTONIC_FIELDS = frozenset({"spent", "exits", "not_before"})


def restore_state(saved: State, saved_at: Moment, now: Moment) -> State:
    """The stored state as of ``now``; its instances wait for the first listing."""
    away_s = now.wall - saved_at.wall
    # Where the wall clock was set back, past times must not become future times.
    shift_s = now.mono - saved_at.mono - max(0.0, away_s)
    instances = {
        instance_id: _reset_old_streaks(_shift_clock(instance, shift_s), away_s)
        for instance_id, instance in saved.instances.items()
    }
    plan = saved.plan
    if plan is not None:
        plan = plan._replace(deadline_mono=plan.deadline_mono + shift_s)
    restored = State(
        started=now,
        restored_instances=MappingProxyType(instances),
        incidents=MappingProxyType(
            {k: _shift_clock(v, shift_s) for k, v in saved.incidents.items()}
        ),
        ledger=saved.ledger,
        engine=EngineStatus(is_reported=saved.engine.is_reported),
        own_network=OwnNetworkStatus(is_reported=saved.own_network.is_reported),
        settings=SettingsStatus(reported_faults=saved.settings.reported_faults),
        paused=saved.paused,
        restarts=tuple(t + shift_s for t in saved.restarts),
        plan=plan,
        drill=_take_over_drill(saved.drill, shift_s, now),
    )
    return _resume_tasks(restored, saved)


def _take_over_drill(drill: Drill | None, shift_s: float, now: Moment) -> Drill | None:
    """The drill of the dead process: its fault may be in force, and is undone now.

    One that was undone is left: what looks like it now is somebody else's.
    """
    if drill is None:
        return None
    shifted: Drill = _shift_clock(drill, shift_s)
    if not drill.interrupted and drill.recovered is None:
        why = Reason.of(R.DRILL_INTERRUPTED)
        shifted = replace(shifted, interrupted=True, problem=drill.problem or why)
    if drill.phase in {DrillPhase.PREPARING, DrillPhase.RECOVERING}:
        return shifted
    return enter_phase(shifted, DrillPhase.UNDOING, now)


def _resume_tasks(state: State, saved: State) -> State:
    """Take over the progress of the tasks; no run goes on in another process."""
    saved_progress = saved.task_progress
    progress = {
        name: replace(entry, running=None) for name, entry in saved_progress.items()
    }
    running = (entry.running for entry in saved_progress.values())
    return replace(
        state,
        task_progress=MappingProxyType(progress),
        interrupted_runs=tuple(run for run in running if run is not None),
    )


def presume_restarts(state: State, reason: str) -> State:
    """Presume half of the hour's restarts, because earlier restarts are not known.

    Each target's tries but one are presumed, too, when it is listed.
    """
    presumed = (state.started.mono,) * (RESTART_LIMIT // 2)
    return replace(state, restarts=(*state.restarts, *presumed), doubt=reason)


def _shift_clock(value: Any, shift_s: float) -> Any:  # noqa: ANN401 - any part of the state
    """A copy in which every monotonic time is shifted."""
    if isinstance(value, Moment | ForeignSignal):
        return value._replace(mono=value.mono + shift_s)
    if type(value) is tuple:
        return tuple(_shift_clock(part, shift_s) for part in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return replace(
        value,
        **{
            f.name: _shift_field(f.name, getattr(value, f.name), shift_s)
            for f in fields(value)
        },
    )


def _shift_field(name: str, value: Any, shift_s: float) -> Any:  # noqa: ANN401
    if name.endswith("_mono") or name in _MONOTONIC_FIELDS:
        if isinstance(value, tuple):
            return tuple(t + shift_s for t in value)
        return value + shift_s if isinstance(value, float) else value
    return _shift_clock(value, shift_s)


def _reset_old_streaks(instance: Instance, away_s: float) -> Instance:
    if 0.0 <= away_s <= STREAK_GAP_S:
        return instance
    return replace(instance, health=Health(up=instance.health.up))


def resume_instance(instance: Instance, at: Moment) -> Instance:
    """Resume a listed instance that a dead process of Sidecar had watched.

    A remedy in verification gets time for a few probes, however long Sidecar was away.
    A drain goes on: nothing else was done, and its end does not move.
    For one under way, ``detect_completed_restart`` finds out whether it was done.
    """
    # The engine reports events again to a new process that the old one has counted.
    loaded = replace(instance, loading=None, overlap=RestartOverlap())
    remedy = loaded.remedy
    if remedy is None:
        return loaded
    if remedy.phase is RemedyPhase.DRAINING:
        return loaded
    container = loaded.container
    unclear = container is not None and container.run == remedy.decision.run
    if remedy.phase is RemedyPhase.VERIFYING and not (remedy.uncertain and unclear):
        deadline_mono = max(remedy.deadline_mono, at.mono + RESUMED_VERIFICATION_S)
        return replace(loaded, remedy=replace(remedy, deadline_mono=deadline_mono))
    taken_over = replace(
        remedy,
        phase=RemedyPhase.TAKEN_OVER,
        deadline_mono=at.mono + remedy.decision.stop_timeout_s + ENGINE_RESTART_S,
        note=Reason.of(R.TAKEN_OVER),
        uncertain=True,
    )
    return replace(loaded, remedy=taken_over)


def detect_completed_restart(
    instance: Instance, recovery_s: float, at: Moment
) -> Instance:
    """Detect by a new run that a restart was done; verify it for ``recovery_s``.

    Until then the engine may still be restarting it: nothing is repeated.
    """
    remedy, container = instance.remedy, instance.container
    if (
        remedy is None
        or remedy.phase is not RemedyPhase.TAKEN_OVER
        or container is None
    ):
        return instance
    if not is_running(instance) or container.run == remedy.decision.run:
        return instance
    deadline_mono = at.mono + recovery_s
    verifying = replace(
        remedy, phase=RemedyPhase.VERIFYING, deadline_mono=deadline_mono
    )
    return replace(
        instance,
        remedy=verifying,
        restarted=at,
        restarts_total=instance.restarts_total + 1,
    )
