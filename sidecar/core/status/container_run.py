"""Runs of an instance's container, as lists and inspections show them."""

import math

from sidecar.core.model import restart_overlap
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance, StopOrigin
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.status import crash_loop, stop_origin
from sidecar.core.status.crash_loop import SHORT_RUN_S

_TO_BE_STARTED = frozenset({Status.EXITED, Status.CREATED, Status.DEAD})
_NOT_RUNNING = frozenset({Status.EXITED, Status.DEAD, Status.CREATED, Status.REMOVING})


def attach_container(
    instance: Instance, container: Container, at: Moment, *, deaf: bool = False
) -> Instance:
    """Update the instance's container; a new run resets the instance's health.

    Its ``seen_mono`` has to be up to date (last_seen.py).
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
    if instance.container is None and instance.missing_since is not None:
        return instance
    since = instance.missing_since or at
    return replace(instance, container=None, missing_since=since)


def end_loop_if_outlived(instance: Instance, now_mono: float) -> Instance:
    """End a crash loop once a run is longer than a short run."""
    if not has_outlived_a_loop(instance, now_mono):
        return instance
    return crash_loop.end_crash_loop(instance)


def has_outlived_a_loop(instance: Instance, now_mono: float) -> bool:
    """Has the current run lasted longer than a short run?"""
    return is_running(instance) and now_mono - instance.run_mono >= SHORT_RUN_S


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
