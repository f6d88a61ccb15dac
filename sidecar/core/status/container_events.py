"""Engine events about an instance's container: signals, stops and exits."""

from sidecar.core.model import foreign_signal, restart_overlap
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.instance import Instance, StopOrigin
from sidecar.core.model.record_copy import replace
from sidecar.core.status import container_run, crash_loop, run_log, stop_origin
from sidecar.core.status.crash_loop import SHORT_RUN_S


def apply_engine_event(instance: Instance, event: ContainerEventSeen) -> Instance:
    """Apply one engine event about the instance's container."""
    container = instance.container
    if container is not None and container.id != event.container_id:
        return instance
    is_new = container is not None and not _is_repeated_end(instance, event)
    updated = _apply_event(instance, event) if is_new else instance
    if event.kind is EngineEventKind.DESTROY:
        return container_run.remove_container(updated, event.at)
    if event.container is None:
        return updated
    return container_run.attach_container(updated, event.container, event.at)


def _is_repeated_end(instance: Instance, event: ContainerEventSeen) -> bool:
    """Does the engine repeat the end of a run to a Sidecar that has started?

    Its predecessor knew whose act ended the run; from the event alone that is unknown.
    """
    is_end = event.kind is EngineEventKind.DIE
    return is_end and run_log.is_known_end(instance, event.engine_time)


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
    if stop_origin.is_own_event(instance, event.engine_time):
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
    if current and stop_origin.is_killed_by_drill(instance, instance.container):
        # It is down, and no sign of a crash loop.
        return replace(instance, stop=StopOrigin.NONE, exited_mono=died_mono)
    if current and stop_origin.is_own_stop(instance):
        return instance
    if current and not stop_origin.has_ended_by_itself(instance, event.container):
        return instance
    if not current and (
        _is_own_restart(instance, died_mono)
        or container_run.has_outlived_a_loop(instance, event.at.mono)
    ):
        return instance
    lifetime_s = None
    if current and instance.container is not None:
        lifetime_s = event.engine_time - instance.container.started_at
    updated = crash_loop.count_exit(instance, died_mono, lifetime_s)
    if current:
        # It ended by itself, whatever was assumed when it was found stopped.
        updated = replace(updated, stop=StopOrigin.NONE, exited_mono=died_mono)
    return replace(updated, looping=updated.looping or crash_loop.is_looping(updated))


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


def _is_own_restart(instance: Instance, when_mono: float) -> bool:
    """Is this the late report of the exit that our own restart caused?"""
    restarted = instance.restarted
    return restarted is not None and abs(when_mono - restarted.mono) < SHORT_RUN_S
