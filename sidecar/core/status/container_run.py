"""One instance and its container: runs that begin, end, and end too often."""

import math
from dataclasses import replace

from sidecar.core.model import foreign_signal, restart_overlap
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import ContainerEventSeen, EngineEventKind
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
    """Take note of how the container looks now; a new run starts from nothing.

    ``deaf``: no event of the engine tells how it came to look so.
    """
    known = instance.container
    if container.fault:
        return _attach_unreadable(instance, container)
    if known is None or known.run != container.run:
        instance = _begin_run(instance, container, at)
    ran = known is not None and known.run == container.run
    exited_mono, stop = _exit_and_stop(instance, container, at, unheard=deaf and ran)
    # All at once: each replacement costs as much as everything else together.
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
    """Since when it does not run, and who ended it; None: it runs."""
    exited_mono, stop = instance.exited_mono, instance.stop
    if container.status not in _NOT_RUNNING:
        return None, StopOrigin.NONE
    if exited_mono is None:
        judge = (
            stop_origin.find_unheard_stop_origin
            if unheard
            else stop_origin.find_stop_origin
        )
        return at.mono, judge(instance, container, at)
    if (
        unheard
        and stop is StopOrigin.NONE
        and not stop_origin.is_remedy_acting(instance)
    ):
        stop = stop_origin.origin_of_lasting_stop(container, at.mono - exited_mono)
    return exited_mono, stop


def _attach_unreadable(instance: Instance, container: Container) -> Instance:
    """Nothing new is known of it, so the run is the one that was known."""
    known = instance.container
    if known is not None and known.id == container.id:
        container = replace(known, status=Status.UNKNOWN, fault=container.fault)
    return replace(instance, container=container, missing_since=None)


def _begin_run(instance: Instance, container: Container, at: Moment) -> Instance:
    # The engine's clock may be another than ours: what was watched began since.
    watched_s = at.mono - (instance.seen_mono or -math.inf)
    age = min(max(0.0, at.wall - container.started_at), watched_s)
    return replace(
        instance,
        run_mono=at.mono - age,
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
    """Starts in a row in which the port stayed refused until that was certain.

    Not those in which the daemon had died: they end a row.
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
    """There is no container any more (or yet)."""
    since = instance.missing_since or at
    return replace(instance, container=None, missing_since=since)


def apply_engine_event(instance: Instance, event: ContainerEventSeen) -> Instance:
    """Work in one engine event about the instance's container."""
    known = instance.container
    if known is not None and known.id != event.container_id:
        return instance
    noted = _apply_event(instance, event) if known is not None else instance
    if event.kind is EngineEventKind.DESTROY:
        return remove_container(noted, event.at)
    if event.container is None:
        return noted
    return attach_container(noted, event.container, event.at)


def _apply_event(instance: Instance, event: ContainerEventSeen) -> Instance:
    current = instance.container is not None and (
        event.engine_time >= instance.container.started_at
    )
    if event.kind is EngineEventKind.DIE:
        at = event.engine_time
        instance = run_log.add_run_end(instance, at, current=current)
    if (
        stop_origin.is_remedy_acting(instance)
        or not current
        or event.kind is EngineEventKind.RESTART
    ):
        heard = restart_overlap.count_engine_event(
            instance.overlap, event.kind, _event_mono(event)
        )
        instance = replace(instance, overlap=heard)
    if stop_origin.is_remedy_acting(instance):
        return instance
    if event.kind is EngineEventKind.KILL:
        return _add_signal(instance, event, event.signal)
    if event.kind is EngineEventKind.STOP and current:
        # An engine tells of it before or after the exit.
        stopped = _add_signal(instance, event, foreign_signal.STOPPED)
        return replace(stopped, stop=StopOrigin.SEEN)
    if event.kind is EngineEventKind.DIE:
        return _add_exit(instance, event, current=current)
    return instance


def _add_signal(instance: Instance, event: ContainerEventSeen, signal: int) -> Instance:
    sent = ForeignSignal(signal, event.engine_time, _event_mono(event))
    noted = replace(instance, kills=(*instance.kills, sent)[-foreign_signal.KEPT :])
    container = noted.container
    if container is None or noted.exited_mono is None:
        return noted
    # The engine may tell of an exit before it tells of the signal that caused it.
    ended = container.finished_at or event.at.wall
    seen = stop_origin.is_explained(noted, container, container.exit_code, ended)
    return replace(noted, stop=StopOrigin.SEEN) if seen else noted


def _add_exit(
    instance: Instance, event: ContainerEventSeen, *, current: bool
) -> Instance:
    if _is_explained_by_signal(instance, event, current=current):
        return replace(instance, stop=StopOrigin.SEEN) if current else instance
    when = _event_mono(event)
    if _is_own_restart(instance, when) if not current else _is_stopped_again(instance):
        return instance
    recent = tuple(t for t in instance.exits if when - t < LOOP_WINDOW_S)
    short = instance.short_runs
    if current and instance.container is not None:
        lived = event.engine_time - instance.container.started_at
        short = short + 1 if lived < SHORT_RUN_S else 0
    died = replace(instance, exits=(*recent, when), short_runs=short)
    if current:
        # It died by itself, whatever was assumed when it was found stopped.
        died = replace(died, stop=StopOrigin.NONE, exited_mono=when)
    return replace(died, looping=died.looping or is_looping(died))


def _is_stopped_again(instance: Instance) -> bool:
    """Is this the death that our own stop brought, reported late?"""
    container = instance.container
    ours = container is not None and container.run == instance.treated
    return ours and instance.stop is StopOrigin.SEEN


def _event_mono(event: ContainerEventSeen) -> float:
    """On our own clock; what the engine repeats was some time ago."""
    return event.at.mono - max(0.0, event.at.wall - event.engine_time)


def _is_explained_by_signal(
    instance: Instance, event: ContainerEventSeen, *, current: bool
) -> bool:
    """Is this death that of somebody else's signal, and not one to an earlier run?"""
    container = instance.container
    if container is None:
        return False
    code = event.exit_code
    if code is None:
        code = (event.container or container).exit_code
    if current:
        return stop_origin.is_explained(instance, container, code, event.engine_time)
    return any(
        foreign_signal.explains(sent, container, code, event.engine_time)
        for sent in instance.kills
    )


def is_looping(instance: Instance) -> bool:
    """Does it die after every start, whoever starts it?"""
    return len(instance.exits) >= LOOP_EXITS or instance.short_runs >= LOOP_EXITS


def end_loop_if_outlived(instance: Instance, now_mono: float) -> Instance:
    """A run that outlives the short-run mark ends a crash loop, whatever else fails."""
    if not is_running(instance):
        return instance
    if now_mono - instance.run_mono < SHORT_RUN_S:
        return instance
    return crash_loop.end_crash_loop(instance)


def engine_fault(instance: Instance) -> str:
    """Why the engine does not say what it is doing; empty: it says."""
    return instance.container.fault if instance.container is not None else ""


def is_running(instance: Instance) -> bool:
    """Can it be probed?"""
    container = instance.container
    return container is not None and container.status is Status.RUNNING


def needs_no_start(instance: Instance) -> bool:
    """Does it run, or will the engine's own policy start it again?"""
    container = instance.container
    restarts = container is not None and container.engine_restarts_it
    return is_running(instance) or restarts


def has_stopped(instance: Instance) -> bool:
    """Would it have to be started, to run?"""
    container = instance.container
    return container is not None and container.status in _TO_BE_STARTED


def has_finished(instance: Instance, target: Target) -> bool:
    """Has a job come to its good end? Nobody, the engine included, starts it again."""
    container = instance.container
    if container is None or not target.may_finish or instance.remedy is not None:
        return False
    if instance.stop is StopOrigin.SEEN:
        return False
    ended_well = container.status is Status.EXITED and container.exit_code == 0
    return ended_well and container.restart_policy == "no"


def is_stopped_by_person(instance: Instance) -> bool:
    """Is it not running because somebody wanted that?"""
    container = instance.container
    if container is None or container.status is Status.RUNNING:
        return False
    if container.status is Status.PAUSED:
        return True
    if container.status is Status.CREATED:
        return not container.could_not_start
    return instance.stop is not StopOrigin.NONE


def has_undone_stop(instance: Instance, now_mono: float) -> bool:
    """Does it run although somebody else stopped it while we had it restarted?"""
    container = instance.container
    if container is None or not is_running(instance):
        return False
    return restart_overlap.has_undone_stop(instance.overlap, container.run, now_mono)


def _is_own_restart(instance: Instance, when_mono: float) -> bool:
    """Is this the death that our own restart brought, reported late?"""
    restarted = instance.restarted
    return restarted is not None and abs(when_mono - restarted.mono) < SHORT_RUN_S
