"""One instance and its container: runs that begin, end, and end too often."""

import math
from dataclasses import replace

from sidecar.core import loop
from sidecar.core.container import Container, Status
from sidecar.core.event import ContainerNotice, NoticeKind
from sidecar.core.health import Health
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause
from sidecar.core.state import Instance, Phase, StopSeen

SHORT_RUN_S = 60.0
LOOP_EXITS = 3
LOOP_WINDOW_S = 120.0
KILL_MEMORY_S = 600.0
"""A signal this long before a death is not what it died of."""

STOPPING_S = 120.0
"""What runs on for longer was not told to end, or has not obeyed."""

_AMBIGUOUS_EXITS = frozenset({0, 137, 143})
"""Exit codes that a stop or kill leaves behind, but a crash may leave as well."""

_TO_BE_STARTED = frozenset({Status.EXITED, Status.CREATED, Status.DEAD})
_NOT_RUNNING = frozenset({Status.EXITED, Status.DEAD, Status.CREATED, Status.REMOVING})


def attach(instance: Instance, container: Container, at: Moment) -> Instance:
    """Take note of how the container looks now; a new run starts from nothing."""
    known = instance.container
    if known is None or known.run != container.run:
        instance = _new_run(instance, container, at)
    exited_mono, stop = instance.exited_mono, instance.stop
    if container.status not in _NOT_RUNNING:
        exited_mono, stop = None, StopSeen.NONE
    elif exited_mono is None:
        exited_mono, stop = at.mono, _who_stopped(instance, container)
    # All at once: each replacement costs as much as everything else together.
    return replace(
        instance,
        container=container,
        missing_since=None,
        seen_mono=at.mono,
        exited_mono=exited_mono,
        stop=stop,
    )


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
        load_failure="",
        looked=None,
        must_restart=False,
    )


def _refused_starts(instance: Instance) -> int:
    """Starts in a row in which the port stayed refused until that was certain."""
    health = instance.health
    if health.has_answered:
        return 0
    refused = health.up is False and health.cause is Cause.REFUSED
    return instance.refused_starts + 1 if refused else instance.refused_starts


def _who_stopped(instance: Instance, container: Container) -> StopSeen:
    if instance.stop is not StopSeen.NONE or _acting(instance):
        return instance.stop
    if _has_signal(instance, container):
        return StopSeen.SEEN
    if instance.treated == container.run:
        return StopSeen.NONE
    crashed = container.oom_killed or container.exit_code not in _AMBIGUOUS_EXITS
    return StopSeen.NONE if crashed else StopSeen.ASSUMED


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
    if _acting(instance):
        return instance
    if event.kind is NoticeKind.KILL:
        return replace(instance, kill_seen=event.engine_time, kill_mono=_when(event))
    if event.kind is NoticeKind.STOP and current:
        return replace(instance, stop=StopSeen.SEEN)
    if event.kind is NoticeKind.DIE:
        return _died(instance, event, current=current)
    return instance


def _died(instance: Instance, event: ContainerNotice, *, current: bool) -> Instance:
    if _signalled(instance, event, current=current):
        return replace(instance, stop=StopSeen.SEEN) if current else instance
    when = _when(event)
    if not current and _ours(instance, when):
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


def _when(event: ContainerNotice) -> float:
    """On our own clock; what the engine repeats was some time ago."""
    return event.at.mono - max(0.0, event.at.wall - event.engine_time)


def _signalled(instance: Instance, event: ContainerNotice, *, current: bool) -> bool:
    """Is this death that of somebody else's signal, and not one to an earlier run?"""
    killed, container = instance.kill_seen, instance.container
    if killed is None or event.engine_time - killed >= KILL_MEMORY_S:
        return False
    return not current or container is None or killed >= container.started_at


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


def is_running(instance: Instance) -> bool:
    """Can it be probed?"""
    container = instance.container
    return container is not None and container.status is Status.RUNNING


def is_told_to_stop(instance: Instance, now_mono: float) -> bool:
    """Does it still run though somebody else told it, lately, to end?"""
    container, sent = instance.container, instance.kill_mono
    if container is None or container.status is not Status.RUNNING or sent is None:
        return False
    return _has_signal(instance, container) and now_mono - sent < STOPPING_S


def _has_signal(instance: Instance, container: Container) -> bool:
    """Was somebody else's signal sent to this run?"""
    killed = instance.kill_seen
    return killed is not None and killed >= container.started_at


def has_stopped(instance: Instance) -> bool:
    """Would it have to be started, to run?"""
    container = instance.container
    return container is not None and container.status in _TO_BE_STARTED


def stopped_by_person(instance: Instance) -> bool:
    """Is it not running because somebody wanted that?"""
    container = instance.container
    if container is None or container.status is Status.RUNNING:
        return False
    if container.status is Status.PAUSED or container.status is Status.CREATED:
        return True
    return instance.stop is not StopSeen.NONE


def _ours(instance: Instance, when_mono: float) -> bool:
    """Is this the death that our own restart brought, reported late?"""
    restarted = instance.restarted
    return restarted is not None and abs(when_mono - restarted.mono) < SHORT_RUN_S


def _acting(instance: Instance) -> bool:
    """Is the engine at it for us? Signals and exits are then of our making."""
    remedy = instance.remedy
    if remedy is None:
        return False
    return remedy.phase is Phase.ACTING or remedy.uncertain
