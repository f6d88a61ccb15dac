"""Origin of a container's stop: an operator, Sidecar, or the container itself."""

from collections.abc import Iterator

from sidecar.core.model import foreign_signal
from sidecar.core.model.container import Container, Status, StopReport
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.instance import Instance, RemedyPhase, StopOrigin
from sidecar.core.model.moment import Moment
from sidecar.core.model.restart_overlap import CLOCK_SKEW_S

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
    if is_killed_by_drill(instance, container):
        return StopOrigin.NONE
    ended_at = container.finished_at or at.wall
    if is_explained(instance, container, container.exit_code, ended_at):
        return StopOrigin.SEEN
    if container.stop_report is not StopReport.EVENTS:
        return find_reported_origin(instance, container)
    if instance.treated == container.run:
        return StopOrigin.NONE
    return StopOrigin.NONE if _has_crashed(container) else StopOrigin.ASSUMED


def _has_crashed(container: Container) -> bool:
    return container.oom_killed or container.exit_code not in _AMBIGUOUS_EXITS


def find_reported_origin(instance: Instance, container: Container) -> StopOrigin:
    """Origin of the stop of a run, from what the engine itself says about it.

    A signal to this run that did not end it counts as a stop for the engine, too: then
    it is not known whether a stop followed. An exit code that is usual after a stop is
    then taken for one; ``may_have_been_stopped`` is about the others.
    """
    if container.stop_report is StopReport.NOT_REQUESTED:
        return StopOrigin.NONE
    if _ended_in_own_remedy(instance, container):
        return StopOrigin.NONE
    was_signalled = any(_signals_of_run(instance, container))
    if container.stop_report is StopReport.REQUESTED and not was_signalled:
        return StopOrigin.SEEN
    return StopOrigin.NONE if _has_crashed(container) else StopOrigin.ASSUMED


def may_have_been_stopped(instance: Instance) -> bool:
    """Did the run end in a way of its own, and does the engine not say on whose wish?

    It is down, and only a person can say whether it may be started.
    """
    container = instance.container
    if container is None or container.status is not Status.EXITED:
        return False
    if container.stop_report not in {StopReport.UNKNOWN, StopReport.REQUESTED}:
        return False
    if is_killed_by_drill(instance, container):
        return False
    return not _ended_in_own_remedy(
        instance, container
    ) and foreign_signal.may_be_answer(container, container.exit_code)


def has_ended_by_itself(instance: Instance, inspected: Container | None) -> bool:
    """Has the run that the engine reports as ended done so by itself?

    For an engine that says so in an inspection, here the one that followed the event.
    Without its answer, False: the next list judges the stop.
    """
    container = instance.container
    if container is None or container.stop_report is StopReport.EVENTS:
        return True
    if inspected is None:
        return False
    if inspected.run != container.run:
        return True  # The next run has begun, so it does not matter.
    has_ended = inspected.status is not Status.RUNNING
    origin = find_reported_origin(instance, inspected)
    return has_ended and origin is StopOrigin.NONE


def _ended_in_own_remedy(instance: Instance, container: Container) -> bool:
    """Did our own restart end the run, and fail to start the next?"""
    restarted = instance.restarted
    if instance.treated != container.run or restarted is None:
        return False
    return container.finished_at <= restarted.wall


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
    if is_killed_by_drill(instance, container):
        return StopOrigin.NONE
    if container.stop_report is not StopReport.EVENTS:
        return find_reported_origin(instance, container)
    restarted = instance.restarted
    again = restarted is not None and at.mono - restarted.mono < REPEATED_STOP_S
    unclear = not _has_crashed(container) and not container.engine_restarts_it
    return StopOrigin.ASSUMED if again and unclear else StopOrigin.NONE


def origin_of_lasting_stop(container: Container, since_s: float) -> StopOrigin:
    """Origin of a stop that the engine's own restart policy did not end."""
    if container.stop_report is StopReport.NOT_REQUESTED:
        return StopOrigin.NONE
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


def is_killed_by_drill(instance: Instance, container: Container | None) -> bool:
    """Is this the run that a drill of ours kills? Then nobody wants it to be stopped.

    A person who stops it within those seconds is not noticed.
    """
    return container is not None and container.run == instance.drilled


def _signals_of_run(
    instance: Instance, container: Container
) -> Iterator[ForeignSignal]:
    if is_killed_by_drill(instance, container):
        return iter(())
    return (k for k in instance.kills if k.engine_time >= container.started_at)


def is_own_stop(instance: Instance) -> bool:
    """Is this the late report of the exit that our own stop caused?"""
    container = instance.container
    ours = container is not None and container.run == instance.treated
    return ours and instance.stop is StopOrigin.SEEN


def is_own_event(instance: Instance, engine_time: float) -> bool:
    """Is the event part of a call of ours, which acts or has ended?

    The engine may report it late, and repeats it to a Sidecar that has started. A call
    that began no new run leaves the run that it has stopped as the present one.
    """
    if is_remedy_acting(instance):
        return True
    container, restarted = instance.container, instance.restarted
    if container is None or restarted is None or container.run != instance.treated:
        return False
    return container.started_at <= engine_time <= restarted.wall + CLOCK_SKEW_S


def is_told_to_stop(instance: Instance, now_mono: float) -> bool:
    """Does the container still run after somebody else told it to stop?"""
    container = instance.container
    if container is None or container.status is not Status.RUNNING:
        return False
    if container.stop_report is StopReport.REQUESTED:
        return not is_remedy_acting(instance)
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
