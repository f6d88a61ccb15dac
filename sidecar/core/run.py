"""One instance and its container: runs that begin, end, and end too often."""

import math
from dataclasses import replace

from sidecar.core import kill, loop, overlap, run_log, stops
from sidecar.core.budget import Lane
from sidecar.core.container import Container, Status
from sidecar.core.event import ContainerNotice, NoticeKind
from sidecar.core.health import Health
from sidecar.core.kill import Kill
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause
from sidecar.core.state import Instance, StopSeen
from sidecar.core.target import Target

SHORT_RUN_S = 60.0
LOOP_EXITS = 3
LOOP_WINDOW_S = 120.0
_TO_BE_STARTED = frozenset({Status.EXITED, Status.CREATED, Status.DEAD})
_NOT_RUNNING = frozenset({Status.EXITED, Status.DEAD, Status.CREATED, Status.REMOVING})


def attach(
    instance: Instance, container: Container, at: Moment, *, deaf: bool = False
) -> Instance:
    """Take note of how the container looks now; a new run starts from nothing.

    ``deaf``: no event of the engine tells how it came to look so.
    """
    known = instance.container
    if container.fault:
        return _unreadable(instance, container)
    if known is None or known.run != container.run:
        instance = _new_run(instance, container, at)
    ran = known is not None and known.run == container.run
    exited_mono, stop = _end_of(instance, container, at, unheard=deaf and ran)
    # All at once: each replacement costs as much as everything else together.
    return replace(
        instance,
        container=container,
        missing_since=None,
        seen_mono=at.mono,
        exited_mono=exited_mono,
        stop=stop,
    )


def _end_of(
    instance: Instance, container: Container, at: Moment, *, unheard: bool
) -> tuple[float | None, StopSeen]:
    """Since when it does not run, and who ended it; None: it runs."""
    exited_mono, stop = instance.exited_mono, instance.stop
    if container.status not in _NOT_RUNNING:
        return None, StopSeen.NONE
    if exited_mono is None:
        judge = stops.who_stopped_unheard if unheard else stops.who_stopped
        return at.mono, judge(instance, container, at)
    if unheard and stop is StopSeen.NONE and not stops.is_acting(instance):
        stop = stops.left_stopped(container, at.mono - exited_mono)
    return exited_mono, stop


def _unreadable(instance: Instance, container: Container) -> Instance:
    """Nothing new is known of it, so the run is the one that was known."""
    known = instance.container
    if known is not None and known.id == container.id:
        container = replace(known, status=Status.UNKNOWN, fault=container.fault)
    return replace(instance, container=container, missing_since=None)


def _new_run(instance: Instance, container: Container, at: Moment) -> Instance:
    # The engine's clock may be another than ours: what was watched began since.
    watched_s = at.mono - (instance.seen_mono or -math.inf)
    age = min(max(0.0, at.wall - container.started_at), watched_s)
    return replace(
        instance,
        run_mono=at.mono - age,
        refused_starts=_refused_starts(instance),
        exited_mono=None,
        stop=StopSeen.NONE,
        health=Health(),
        load_lane=Lane(),
        load_failure="",
        looked=None,
        must_restart=False,
        was_away=instance.was_away or instance.container is not None,
    )


def _refused_starts(instance: Instance) -> int:
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


def lost(instance: Instance, at: Moment) -> Instance:
    """There is no container any more (or yet)."""
    since = instance.missing_since or at
    return replace(instance, container=None, missing_since=since)


def notice(instance: Instance, event: ContainerNotice) -> Instance:
    """Work in one engine event about the instance's container."""
    known = instance.container
    if known is not None and known.id != event.container_id:
        return instance
    noted = _note(instance, event) if known is not None else instance
    if event.kind is NoticeKind.DESTROY:
        return lost(noted, event.at)
    if event.container is None:
        return noted
    return attach(noted, event.container, event.at)


def _note(instance: Instance, event: ContainerNotice) -> Instance:
    current = instance.container is not None and (
        event.engine_time >= instance.container.started_at
    )
    if event.kind is NoticeKind.DIE:
        at = event.engine_time
        instance = run_log.with_end(instance, at, current=current)
    if stops.is_acting(instance) or not current or event.kind is NoticeKind.RESTART:
        heard = overlap.count_notice(instance.overlap, event.kind, _when(event))
        instance = replace(instance, overlap=heard)
    if stops.is_acting(instance):
        return instance
    if event.kind is NoticeKind.KILL:
        return _killed(instance, event, event.signal)
    if event.kind is NoticeKind.STOP and current:
        # An engine tells of it before or after the exit.
        stopped = _killed(instance, event, kill.STOPPED)
        return replace(stopped, stop=StopSeen.SEEN)
    if event.kind is NoticeKind.DIE:
        return _died(instance, event, current=current)
    return instance


def _killed(instance: Instance, event: ContainerNotice, signal: int) -> Instance:
    sent = Kill(signal, event.engine_time, _when(event))
    noted = replace(instance, kills=(*instance.kills, sent)[-kill.KEPT :])
    container = noted.container
    if container is None or noted.exited_mono is None:
        return noted
    # The engine may tell of an exit before it tells of the signal that caused it.
    ended = container.finished_at or event.at.wall
    seen = stops.is_explained(noted, container, container.exit_code, ended)
    return replace(noted, stop=StopSeen.SEEN) if seen else noted


def _died(instance: Instance, event: ContainerNotice, *, current: bool) -> Instance:
    if _signalled(instance, event, current=current):
        return replace(instance, stop=StopSeen.SEEN) if current else instance
    when = _when(event)
    if _ours(instance, when) if not current else _is_stopped_again(instance):
        return instance
    recent = tuple(t for t in instance.exits if when - t < LOOP_WINDOW_S)
    short = instance.short_runs
    if current and instance.container is not None:
        lived = event.engine_time - instance.container.started_at
        short = short + 1 if lived < SHORT_RUN_S else 0
    died = replace(instance, exits=(*recent, when), short_runs=short)
    if current:
        # It died by itself, whatever was assumed when it was found stopped.
        died = replace(died, stop=StopSeen.NONE, exited_mono=when)
    return replace(died, looping=died.looping or is_looping(died))


def _is_stopped_again(instance: Instance) -> bool:
    """Is this the death that our own stop brought, reported late?"""
    container = instance.container
    ours = container is not None and container.run == instance.treated
    return ours and instance.stop is StopSeen.SEEN


def _when(event: ContainerNotice) -> float:
    """On our own clock; what the engine repeats was some time ago."""
    return event.at.mono - max(0.0, event.at.wall - event.engine_time)


def _signalled(instance: Instance, event: ContainerNotice, *, current: bool) -> bool:
    """Is this death that of somebody else's signal, and not one to an earlier run?"""
    container = instance.container
    if container is None:
        return False
    code = event.exit_code
    if code is None:
        code = (event.container or container).exit_code
    if current:
        return stops.is_explained(instance, container, code, event.engine_time)
    return any(
        kill.explains(sent, container, code, event.engine_time)
        for sent in instance.kills
    )


def is_looping(instance: Instance) -> bool:
    """Does it die after every start, whoever starts it?"""
    return len(instance.exits) >= LOOP_EXITS or instance.short_runs >= LOOP_EXITS


def outlived_loop(instance: Instance, now_mono: float) -> Instance:
    """A run that outlives the short-run mark ends a crash loop, whatever else fails."""
    if not is_running(instance):
        return instance
    if now_mono - instance.run_mono < SHORT_RUN_S:
        return instance
    return loop.over(instance)


def fault(instance: Instance) -> str:
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
    if instance.stop is StopSeen.SEEN:
        return False
    ended_well = container.status is Status.EXITED and container.exit_code == 0
    return ended_well and container.restart_policy == "no"


def stopped_by_person(instance: Instance) -> bool:
    """Is it not running because somebody wanted that?"""
    container = instance.container
    if container is None or container.status is Status.RUNNING:
        return False
    if container.status is Status.PAUSED:
        return True
    if container.status is Status.CREATED:
        return not container.could_not_start
    return instance.stop is not StopSeen.NONE


def undid_a_stop(instance: Instance, now_mono: float) -> bool:
    """Does it run although somebody else stopped it while we had it restarted?"""
    container = instance.container
    if container is None or not is_running(instance):
        return False
    return overlap.undid_a_stop(instance.overlap, container.run, now_mono)


def _ours(instance: Instance, when_mono: float) -> bool:
    """Is this the death that our own restart brought, reported late?"""
    restarted = instance.restarted
    return restarted is not None and abs(when_mono - restarted.mono) < SHORT_RUN_S
