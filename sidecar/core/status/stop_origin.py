"""Who ended a container: an operator, we, or the container itself."""

from collections.abc import Iterator

from sidecar.core.model import foreign_signal
from sidecar.core.model.container import Container, Status
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.instance import Instance, RemedyPhase, StopOrigin
from sidecar.core.model.moment import Moment

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


def find_stop_origin(
    instance: Instance, container: Container, at: Moment
) -> StopOrigin:
    """Who ended what does not run; where nothing tells, it is assumed."""
    if instance.stop is not StopOrigin.NONE or is_remedy_acting(instance):
        return instance.stop
    ended = container.finished_at or at.wall
    if is_explained(instance, container, container.exit_code, ended):
        return StopOrigin.SEEN
    if instance.treated == container.run:
        return StopOrigin.NONE
    return StopOrigin.NONE if _has_crashed(container) else StopOrigin.ASSUMED


def _has_crashed(container: Container) -> bool:
    return container.oom_killed or container.exit_code not in _AMBIGUOUS_EXITS


def find_unheard_stop_origin(
    instance: Instance, container: Container, at: Moment
) -> StopOrigin:
    """Who ended what was seen to run, where the engine's events are not heard.

    What ended by itself is started. The engine's own policy will do that, or shows
    by not doing it that somebody wanted the stop. Without a policy nobody can
    tell: it is started once, and what then stops again is meant to be stopped.
    """
    if instance.stop is not StopOrigin.NONE or is_remedy_acting(instance):
        return instance.stop
    restarted = instance.restarted
    again = restarted is not None and at.mono - restarted.mono < DEAF_AGAIN_S
    unclear = not _has_crashed(container) and not container.engine_restarts_it
    return StopOrigin.ASSUMED if again and unclear else StopOrigin.NONE


def origin_of_lasting_stop(container: Container, since_s: float) -> StopOrigin:
    """Why the engine has not restarted what its policy makes it restart."""
    left = container.engine_restarts_it and container.status is Status.EXITED
    return StopOrigin.ASSUMED if left and since_s >= DEAF_LOOK_S else StopOrigin.NONE


def is_explained(
    instance: Instance, container: Container, exit_code: int, ended: float
) -> bool:
    """Did it end because of a signal that somebody else sent to this run?"""
    return any(
        foreign_signal.explains(sent, container, exit_code, ended)
        for sent in _signals_of_run(instance, container)
    )


def _signals_of_run(
    instance: Instance, container: Container
) -> Iterator[ForeignSignal]:
    return (k for k in instance.kills if k.engine_time >= container.started_at)


def is_told_to_stop(instance: Instance, now_mono: float) -> bool:
    """Does it still run though somebody else told it, lately, to end?"""
    container = instance.container
    if container is None or container.status is not Status.RUNNING:
        return False
    return any(
        foreign_signal.stop_is_under_way(sent, container, now_mono)
        for sent in _signals_of_run(instance, container)
    )


def awaits_engine_event(instance: Instance, now_mono: float) -> bool:
    """Did it just end, somehow, after somebody told it to? A stop's event follows."""
    container, exited = instance.container, instance.exited_mono
    if container is None or exited is None or now_mono - exited >= ENGINES_WORD_S:
        return False
    return any(
        foreign_signal.asks_to_end(sent, container)
        and now_mono - sent.mono < LONGEST_STOP_S
        for sent in _signals_of_run(instance, container)
    )


def is_remedy_acting(instance: Instance) -> bool:
    """Is the engine at it for us? Signals and exits are then of our making."""
    remedy = instance.remedy
    if remedy is None:
        return False
    return remedy.phase is RemedyPhase.ACTING or remedy.uncertain
