"""Who ended a container: an operator, we, or the container itself."""

from collections.abc import Iterator

from sidecar.core import kill
from sidecar.core.container import Container, Status
from sidecar.core.kill import Kill
from sidecar.core.moment import Moment
from sidecar.core.state import Instance, Phase, StopSeen

ENGINES_WORD_S = 2.0
"""After the end of what somebody told to end, the engine's word on it is awaited."""

LONGEST_STOP_S = 120.0
"""Somebody may have given it more than its own stop time."""

DEAF_LOOK_S = 5.0
"""An engine that is to restart a container by its own policy has begun by then."""

DEAF_AGAIN_S = 600.0
"""What stops again so soon after we started it is meant to be stopped."""

_AMBIGUOUS_EXITS = frozenset({0, 137, 143})
"""Exit codes that a stop or kill leaves behind, but a crash may leave as well."""


def who_stopped(instance: Instance, container: Container, at: Moment) -> StopSeen:
    """Who ended what does not run; where nothing tells, it is assumed."""
    if instance.stop is not StopSeen.NONE or is_acting(instance):
        return instance.stop
    ended = container.finished_at or at.wall
    if is_explained(instance, container, container.exit_code, ended):
        return StopSeen.SEEN
    if instance.treated == container.run:
        return StopSeen.NONE
    return StopSeen.NONE if _crashed(container) else StopSeen.ASSUMED


def _crashed(container: Container) -> bool:
    return container.oom_killed or container.exit_code not in _AMBIGUOUS_EXITS


def who_stopped_unheard(
    instance: Instance, container: Container, at: Moment
) -> StopSeen:
    """Who ended what was seen to run, where the engine's events are not heard.

    What ended by itself is started. The engine's own policy will do that, or shows
    by not doing it that somebody wanted the stop. Without a policy nobody can
    tell: it is started once, and what then stops again is meant to be stopped.
    """
    if instance.stop is not StopSeen.NONE or is_acting(instance):
        return instance.stop
    restarted = instance.restarted
    again = restarted is not None and at.mono - restarted.mono < DEAF_AGAIN_S
    unclear = not _crashed(container) and not container.engine_restarts_it
    return StopSeen.ASSUMED if again and unclear else StopSeen.NONE


def left_stopped(container: Container, since_s: float) -> StopSeen:
    """Why the engine has not restarted what its policy makes it restart."""
    left = container.engine_restarts_it and container.status is Status.EXITED
    return StopSeen.ASSUMED if left and since_s >= DEAF_LOOK_S else StopSeen.NONE


def is_explained(
    instance: Instance, container: Container, exit_code: int, ended: float
) -> bool:
    """Did it end because of a signal that somebody else sent to this run?"""
    return any(
        kill.explains(sent, container, exit_code, ended)
        for sent in _kills_of_run(instance, container)
    )


def _kills_of_run(instance: Instance, container: Container) -> Iterator[Kill]:
    return (k for k in instance.kills if k.engine_time >= container.started_at)


def is_told_to_stop(instance: Instance, now_mono: float) -> bool:
    """Does it still run though somebody else told it, lately, to end?"""
    container = instance.container
    if container is None or container.status is not Status.RUNNING:
        return False
    return any(
        kill.stop_is_under_way(sent, container, now_mono)
        for sent in _kills_of_run(instance, container)
    )


def awaits_engines_word(instance: Instance, now_mono: float) -> bool:
    """Did it just end, somehow, after somebody told it to? A stop's event follows."""
    container, exited = instance.container, instance.exited_mono
    if container is None or exited is None or now_mono - exited >= ENGINES_WORD_S:
        return False
    return any(
        kill.asks_to_end(sent, container) and now_mono - sent.mono < LONGEST_STOP_S
        for sent in _kills_of_run(instance, container)
    )


def is_acting(instance: Instance) -> bool:
    """Is the engine at it for us? Signals and exits are then of our making."""
    remedy = instance.remedy
    if remedy is None:
        return False
    return remedy.phase is Phase.ACTING or remedy.uncertain
