"""Origin of a container's stop: an operator, Sidecar, or the container itself."""

from collections.abc import Iterator

from sidecar.core.model import foreign_signal
from sidecar.core.model.container import Container, Status
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.instance import Instance, RemedyPhase, StopOrigin
from sidecar.core.model.moment import Moment

STOP_EVENT_WAIT_S = 2.0
"""Wait for the engine's stop event after the exit of a container told to end."""

LONGEST_STOP_S = 120.0
"""Maximum stop time: somebody may have set a longer one than the container's."""

POLICY_START_S = 5.0
"""Time in which the engine's own policy begins to restart a container."""

REPEATED_STOP_S = 600.0
"""A stop within this time after our start is taken as intended."""

_AMBIGUOUS_EXITS = frozenset({0, 137, 143})
"""Exit codes that a stop or kill leaves behind, but a crash may leave as well."""


def find_stop_origin(
    instance: Instance, container: Container, at: Moment
) -> StopOrigin:
    """Origin of the stop of a container; ASSUMED where there is no evidence."""
    if instance.stop is not StopOrigin.NONE or is_remedy_acting(instance):
        return instance.stop
    ended_at = container.finished_at or at.wall
    if is_explained(instance, container, container.exit_code, ended_at):
        return StopOrigin.SEEN
    if instance.treated == container.run:
        return StopOrigin.NONE
    return StopOrigin.NONE if _has_crashed(container) else StopOrigin.ASSUMED


def _has_crashed(container: Container) -> bool:
    return container.oom_killed or container.exit_code not in _AMBIGUOUS_EXITS


def find_unheard_stop_origin(
    instance: Instance, container: Container, at: Moment
) -> StopOrigin:
    """Origin of the stop of an observed run, without the engine's events.

    A container that ended by itself is started. The engine's own policy does that, or
    shows by not doing it that somebody wanted the stop. Without a policy the origin is
    unknown: the container is started once, and a second stop is taken as intended.
    """
    if instance.stop is not StopOrigin.NONE or is_remedy_acting(instance):
        return instance.stop
    restarted = instance.restarted
    again = restarted is not None and at.mono - restarted.mono < REPEATED_STOP_S
    unclear = not _has_crashed(container) and not container.engine_restarts_it
    return StopOrigin.ASSUMED if again and unclear else StopOrigin.NONE


def origin_of_lasting_stop(container: Container, since_s: float) -> StopOrigin:
    """Origin of a stop that the engine's own restart policy did not end."""
    was_to_restart = container.engine_restarts_it and container.status is Status.EXITED
    return (
        StopOrigin.ASSUMED
        if was_to_restart and since_s >= POLICY_START_S
        else StopOrigin.NONE
    )


def is_explained(
    instance: Instance, container: Container, exit_code: int, ended_at: float
) -> bool:
    """Did a signal from somebody else to this run cause the exit?"""
    return any(
        foreign_signal.explains_exit(kill, container, exit_code, ended_at)
        for kill in _signals_of_run(instance, container)
    )


def _signals_of_run(
    instance: Instance, container: Container
) -> Iterator[ForeignSignal]:
    return (k for k in instance.kills if k.engine_time >= container.started_at)


def is_told_to_stop(instance: Instance, now_mono: float) -> bool:
    """Does the container still run after a recent stop signal from somebody else?"""
    container = instance.container
    if container is None or container.status is not Status.RUNNING:
        return False
    return any(
        foreign_signal.is_stop_under_way(kill, container, now_mono)
        for kill in _signals_of_run(instance, container)
    )


def awaits_engine_event(instance: Instance, now_mono: float) -> bool:
    """Did it just end after a stop signal? The engine's stop event follows."""
    container, exited_mono = instance.container, instance.exited_mono
    if (
        container is None
        or exited_mono is None
        or now_mono - exited_mono >= STOP_EVENT_WAIT_S
    ):
        return False
    return any(
        foreign_signal.asks_to_end(kill, container)
        and now_mono - kill.mono < LONGEST_STOP_S
        for kill in _signals_of_run(instance, container)
    )


def is_remedy_acting(instance: Instance) -> bool:
    """Does the engine act for us? Signals and exits are then our own."""
    remedy = instance.remedy
    if remedy is None:
        return False
    return remedy.phase is RemedyPhase.ACTING or remedy.uncertain
