"""Runs of an instance's container: begins, exits and crash loops."""

import math
from dataclasses import replace

from sidecar.core.model import foreign_signal, restart_overlap
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance, StopOrigin
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import Target
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.status import crash_loop, run_log, stop_origin

SHORT_RUN_S = 60.0
LOOP_EXITS = 3
LOOP_WINDOW_S = 120.0
_TO_BE_STARTED = frozenset({Status.EXITED, Status.CREATED, Status.DEAD})
_NOT_RUNNING = frozenset({Status.EXITED, Status.DEAD, Status.CREATED, Status.REMOVING})


def attach_container(
    instance: Instance, container: Container, at: Moment, *, deaf: bool = False
) -> Instance:
    """Update the instance's container; a new run resets the instance's health.

    ``deaf``: the engine's events are not received.
    """
    previous = instance.container
    if container.fault:
        return _attach_unreadable(instance, container)
    if previous is None or previous.run != container.run:
        instance = _begin_run(instance, container, at)
    unheard = deaf and previous is not None and previous.run == container.run
    exited_mono, stop = _exit_and_stop(instance, container, at, unheard=unheard)
    # One replacement for all: each costs as much as the rest of the function.
    return replace(
        instance,
        container=container,
        missing_since=None,
        seen_mono=at.mono,
        exited_mono=exited_mono,
        stop=stop,
    )


def _exit_and_stop(
    instance: Instance, container: Container, at: Moment, *, unheard: bool
) -> tuple[float | None, StopOrigin]:
    """The exit time, None while it runs, and the origin of the stop."""
    exited_mono, stop = instance.exited_mono, instance.stop
    if container.status not in _NOT_RUNNING:
        return None, StopOrigin.NONE
    if exited_mono is None:
        find_origin = (
            stop_origin.find_unheard_stop_origin
            if unheard
            else stop_origin.find_stop_origin
        )
        return at.mono, find_origin(instance, container, at)
    is_acting = stop_origin.is_remedy_acting(instance)
    if unheard and stop is StopOrigin.NONE and not is_acting:
        stop = stop_origin.origin_of_lasting_stop(container, at.mono - exited_mono)
    return exited_mono, stop


def _attach_unreadable(instance: Instance, container: Container) -> Instance:
    """Keep the previous run, because the engine's answer is unusable."""
    previous = instance.container
    if previous is not None and previous.id == container.id:
        container = replace(previous, status=Status.UNKNOWN, fault=container.fault)
    return replace(instance, container=container, missing_since=None)


def _begin_run(instance: Instance, container: Container, at: Moment) -> Instance:
    # The engine's clock may differ from ours: an observed run is younger than that.
    watched_s = at.mono - (instance.seen_mono or -math.inf)
    age_s = min(max(0.0, at.wall - container.started_at), watched_s)
    return replace(
        instance,
        run_mono=at.mono - age_s,
        refused_starts=_count_refused_starts(instance),
        exited_mono=None,
        stop=StopOrigin.NONE,
        health=Health(),
        load_lane=Lane(),
        load_failure=NO_REASON,
        looked=None,
        must_restart=False,
        was_away=instance.was_away or instance.container is not None,
    )


def _count_refused_starts(instance: Instance) -> int:
    """Number of starts in a row in which the port stayed closed, for certain.

    A start in which the daemon died ends the row.
    """
    health = instance.health
    if health.has_answered:
        return 0
    container = instance.container
    if container is not None and instance.idle == container.run:
        return 0
    refused = health.up is False and health.cause is Cause.REFUSED
    return instance.refused_starts + 1 if refused else instance.refused_starts


def remove_container(instance: Instance, at: Moment) -> Instance:
    """Record that there is no container any more (or yet)."""
    since = instance.missing_since or at
    return replace(instance, container=None, missing_since=since)


def apply_engine_event(instance: Instance, event: ContainerEventSeen) -> Instance:
    """Apply one engine event about the instance's container."""
    container = instance.container
    if container is not None and container.id != event.container_id:
        return instance
    updated = _apply_event(instance, event) if container is not None else instance
    if event.kind is EngineEventKind.DESTROY:
        return remove_container(updated, event.at)
    if event.container is None:
        return updated
    return attach_container(updated, event.container, event.at)


def _apply_event(instance: Instance, event: ContainerEventSeen) -> Instance:
    current = instance.container is not None and (
        event.engine_time >= instance.container.started_at
    )
    if event.kind is EngineEventKind.DIE:
        instance = run_log.add_run_end(instance, event.engine_time, current=current)
    if (
        stop_origin.is_remedy_acting(instance)
        or not current
        or event.kind is EngineEventKind.RESTART
    ):
        overlap = restart_overlap.count_engine_event(
            instance.overlap, event.kind, _event_mono(event)
        )
        instance = replace(instance, overlap=overlap)
    if stop_origin.is_remedy_acting(instance):
        return instance
    if event.kind is EngineEventKind.KILL:
        return _add_signal(instance, event, event.signal)
    if event.kind is EngineEventKind.STOP and current:
        # The engine reports the stop before or after the exit.
        stopped = _add_signal(instance, event, foreign_signal.STOPPED)
        return replace(stopped, stop=StopOrigin.SEEN)
    if event.kind is EngineEventKind.DIE:
        return _add_exit(instance, event, current=current)
    return instance


def _add_signal(instance: Instance, event: ContainerEventSeen, signal: int) -> Instance:
    kill = ForeignSignal(signal, event.engine_time, _event_mono(event))
    kills = (*instance.kills, kill)[-foreign_signal.MAX_SIGNALS :]
    updated = replace(instance, kills=kills)
    container = updated.container
    if container is None or updated.exited_mono is None:
        return updated
    # The engine may report an exit before the signal that caused it.
    ended_at = container.finished_at or event.at.wall
    code = container.exit_code
    is_explained = stop_origin.is_explained(updated, container, code, ended_at)
    return replace(updated, stop=StopOrigin.SEEN) if is_explained else updated


def _add_exit(
    instance: Instance, event: ContainerEventSeen, *, current: bool
) -> Instance:
    if _is_explained_by_signal(instance, event, current=current):
        return replace(instance, stop=StopOrigin.SEEN) if current else instance
    died_mono = _event_mono(event)
    if current and stop_origin.is_own_stop(instance):
        return instance
    if current and not stop_origin.has_ended_by_itself(instance, event.container):
        return instance
    if not current and _is_own_restart(instance, died_mono):
        return instance
    recent = tuple(t for t in instance.exits if died_mono - t < LOOP_WINDOW_S)
    short_runs = instance.short_runs
    if current and instance.container is not None:
        lifetime_s = event.engine_time - instance.container.started_at
        short_runs = short_runs + 1 if lifetime_s < SHORT_RUN_S else 0
    updated = replace(instance, exits=(*recent, died_mono), short_runs=short_runs)
    if current:
        # It ended by itself, whatever was assumed when it was found stopped.
        updated = replace(updated, stop=StopOrigin.NONE, exited_mono=died_mono)
    return replace(updated, looping=updated.looping or is_looping(updated))


def _event_mono(event: ContainerEventSeen) -> float:
    """Time of the event on our own clock; repeated events are in the past."""
    return event.at.mono - max(0.0, event.at.wall - event.engine_time)


def _is_explained_by_signal(
    instance: Instance, event: ContainerEventSeen, *, current: bool
) -> bool:
    """Did a signal from somebody else cause the exit of that run?"""
    container = instance.container
    if container is None:
        return False
    code = event.exit_code
    if code is None:
        code = (event.container or container).exit_code
    if current:
        return stop_origin.is_explained(instance, container, code, event.engine_time)
    return any(
        foreign_signal.explains_exit(kill, container, code, event.engine_time)
        for kill in instance.kills
    )


def is_looping(instance: Instance) -> bool:
    """Does the container end after every start, whoever starts it?"""
    return len(instance.exits) >= LOOP_EXITS or instance.short_runs >= LOOP_EXITS


def end_loop_if_outlived(instance: Instance, now_mono: float) -> Instance:
    """End a crash loop once a run is longer than a short run."""
    if not is_running(instance):
        return instance
    if now_mono - instance.run_mono < SHORT_RUN_S:
        return instance
    return crash_loop.end_crash_loop(instance)


def engine_fault(instance: Instance) -> str:
    """Why the engine's answer about the container is unusable; empty: it is usable."""
    return instance.container.fault if instance.container is not None else ""


def is_running(instance: Instance) -> bool:
    """Does its container run, so that it can be probed?"""
    container = instance.container
    return container is not None and container.status is Status.RUNNING


def needs_no_start(instance: Instance) -> bool:
    """Does the container run, or will the engine's own policy start it?"""
    container = instance.container
    restarts = container is not None and container.engine_restarts_it
    return is_running(instance) or restarts


def has_stopped(instance: Instance) -> bool:
    """Is the container stopped, so that only a start makes it run?"""
    container = instance.container
    return container is not None and container.status in _TO_BE_STARTED


def has_finished(instance: Instance, target: Target) -> bool:
    """Has a job ended well? Nobody, the engine included, starts it again."""
    container = instance.container
    if container is None or not target.may_finish or instance.remedy is not None:
        return False
    if instance.stop is StopOrigin.SEEN:
        return False
    ended_well = container.status is Status.EXITED and container.exit_code == 0
    return ended_well and container.restart_policy == "no"


def is_stopped_by_person(instance: Instance) -> bool:
    """Is the container stopped or paused because a person wanted that?"""
    container = instance.container
    if container is None or container.status is Status.RUNNING:
        return False
    if container.status is Status.PAUSED:
        return True
    if container.status is Status.CREATED:
        return not container.could_not_start
    return instance.stop is not StopOrigin.NONE


def has_undone_stop(instance: Instance, now_mono: float) -> bool:
    """Does the container run although somebody else stopped it in our restart?"""
    container = instance.container
    if container is None or not is_running(instance):
        return False
    return restart_overlap.has_undone_stop(instance.overlap, container.run, now_mono)


def _is_own_restart(instance: Instance, when_mono: float) -> bool:
    """Is this the late report of the exit that our own restart caused?"""
    restarted = instance.restarted
    return restarted is not None and abs(when_mono - restarted.mono) < SHORT_RUN_S
