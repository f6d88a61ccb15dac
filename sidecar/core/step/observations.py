"""Observations worked into the state: containers, probes, processes, the engine."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sidecar.core.incidents.lifecycle import close_unwatched, reattach_incidents
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.dependency_graph import build_graph
from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    EngineReachabilityChanged,
    EvidenceGathered,
    ProcessesInspected,
)
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import rebuild_table
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.update import (
    Update,
    no_update,
    replace_instances,
    update_instance,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import (
    planned_restart,
    retry_budget,
    wallet_damage,
    wallet_load,
)
from sidecar.core.recovery.takeover import resume_instance
from sidecar.core.status import (
    container_events,
    container_run,
    crash_loop,
    memory_kill,
    process_loss,
)
from sidecar.core.status.last_seen import note_last_seen, runs_as_before
from sidecar.core.status.replacements import note_replacements
from sidecar.core.status.start_period import is_in_start_period
from sidecar.core.status.streaks import add_result, apply_threshold
from sidecar.core.step.probe_results import is_acting


def on_containers_listed(state: State, event: ContainersListed) -> Update:
    """Take over a list of containers: present, removed and missing instances."""
    targets = {target.name: target for target in event.targets}
    present, never_started = dict(event.containers), dict(event.never_started)
    set_aside = dict(event.set_aside)
    instances = {
        i: note_replacements(
            _apply_listing(state, i, present.get(i), event.at),
            never_started.get(i),
            set_aside.get(i),
            event.at,
        )
        for i in _expected_instances(state, targets, present)
    }
    numbers = _numbers_by_target(instances)
    named = {
        i: wallet_load.note_settings_change(
            wallet_damage.forget_unwatched(
                _with_public_name(inst, numbers), targets[i.target]
            ),
            state.targets.get(i.target),
            targets[i.target],
        )
        for i, inst in instances.items()
    }
    is_first = state.engine.listed_mono is None
    if is_first and state.doubt:
        named = {
            i: _presume_lost_tries(state, inst, targets[i.target])
            for i, inst in named.items()
        }
    listed = replace(
        state,
        targets=MappingProxyType(targets),
        instances=rebuild_table(state.instances, named),
        numbers=MappingProxyType(numbers),
        engine=replace(state.engine, listed_mono=event.at.mono),
        topology=build_graph(event.targets)
        if dict(state.targets) != targets
        else state.topology,
        restored_instances=MappingProxyType({}),
    )
    if is_first:
        listed = reattach_incidents(listed)
    touched = tuple(named) if is_first else _may_have_changed(state, listed)
    if not is_first and not _is_watched_less(state, listed):
        return Update(listed, (), touched)
    after, closed = close_unwatched(planned_restart.drop_unwatched(listed), event.at)
    return Update(after, closed, touched)


def _may_have_changed(before: State, after: State) -> tuple[InstanceId, ...]:
    """Instances to look at: changed, unsettled, or with other settings than before.

    Those of an incident too: the last that kept it open may have gone. In the order of
    the table: which of two failures comes first does not depend on how a listing finds
    them.
    """
    noticed = set(after.instances.changed_since(before.instances))
    noticed.update(i.id for i in after.instances.unsettled())
    noticed.update(i.id for i in after.instances.in_incident())
    return tuple(
        i for i in after.instances if i in noticed or _is_reset(before, after, i.target)
    )


def _is_reset(before: State, after: State, name: str) -> bool:
    old, new = before.targets.get(name), after.targets[name]
    return old is not new and old != new


def _is_watched_less(before: State, after: State) -> bool:
    """Is an instance not watched any more, or its wallet file?"""
    return any(
        i not in after.instances
        or (instance.wallet_damage and not after.instances[i].wallet_damage)
        for i, instance in before.instances.items()
    )


def _expected_instances(
    state: State, targets: Mapping[str, Target], present: Iterable[InstanceId]
) -> list[InstanceId]:
    """Ids of the present instances, and one for each target without a container."""
    expected = [i for i in present if i.target in targets]
    present_targets = {i.target for i in expected}
    numbers = state.numbers or _numbers_by_target(sorted(state.restored_instances))
    for name in targets:
        if name not in present_targets:
            known_numbers = numbers.get(name, (1,))
            expected.append(InstanceId(name, known_numbers[0]))
    return sorted(expected)


def _apply_listing(
    state: State, instance_id: InstanceId, container: Container | None, at: Moment
) -> Instance:
    restored = state.restored_instances.get(instance_id)
    instance = (
        state.instances.get(instance_id)
        or restored
        or Instance(instance_id, instance_id.target, since=at)
    )
    if container is not None and runs_as_before(instance, container):
        attached = instance
    else:
        seen = note_last_seen(instance, state.engine.listed_mono)
        attached = _apply_container(state, seen, container, at)
    return attached if restored is None else resume_instance(attached, at)


def _apply_container(
    state: State, instance: Instance, container: Container | None, at: Moment
) -> Instance:
    if container is None:
        return container_run.remove_container(instance, at)
    is_deaf = bool(state.engine.deaf)
    return container_run.attach_container(instance, container, at, deaf=is_deaf)


def _presume_lost_tries(state: State, instance: Instance, target: Target) -> Instance:
    """Presume all tries but one of each lane, because earlier tries are not known."""
    settings, now = target.restart, state.started.mono
    return replace(
        instance,
        lane=retry_budget.presume_tries(instance.lane, settings, now),
        load_lane=retry_budget.presume_tries(instance.load_lane, settings, now),
    )


def _with_public_name(
    instance: Instance, numbers: Mapping[str, tuple[int, ...]]
) -> Instance:
    target, number = instance.id
    name = target if len(numbers[target]) == 1 else f"{target}-{number}"
    return instance if instance.name == name else replace(instance, name=name)


def _numbers_by_target(instances: Iterable[InstanceId]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, list[int]] = {}
    for target, number in instances:
        numbers.setdefault(target, []).append(number)
    return {target: tuple(of_target) for target, of_target in numbers.items()}


def on_container_event(state: State, event: ContainerEventSeen) -> Update:
    """Work in an engine event of a container; the next list confirms or corrects it."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return no_update(state)
    killed = memory_kill.note_memory_kill(instance, event)
    seen = note_last_seen(killed, state.engine.listed_mono)
    noticed = container_events.apply_engine_event(seen, event)
    if noticed.looping and not instance.looping:
        settings = state.target_of(instance).restart
        noticed = replace(
            noticed,
            lane=retry_budget.enter_slow_lane(noticed.lane, settings, event.at.mono),
        )
    return update_instance(state, noticed)


def on_engine_reachability(state: State, event: EngineReachabilityChanged) -> Update:
    """Note whether the engine is reachable."""
    if (
        state.engine.reachable == event.reachable
        and state.engine.reason == event.reason
        and state.engine.deaf == event.deaf
        and event.other in {state.engine.other, ""}
    ):
        return no_update(state)
    before = state.engine
    since = before.since if before.reachable == event.reachable else event.at
    # A loss that was told before this start began at an unknown time.
    lost_at = before.since if event.reachable and before.since.wall else None
    if before.reachable == event.reachable:
        lost_at = before.lost_at
    view = replace(
        state.engine,
        reachable=event.reachable,
        reason=event.reason,
        since=since,
        lost_at=lost_at,
        deaf=event.deaf,
        other=event.other if event.reachable else state.engine.other,
    )
    # Another engine may allow what the last one refused.
    refused = (i for i in state.instances.values() if i.refusal is not None)
    asked_anew = replace_instances(
        state, *(replace(instance, refusal=None) for instance in refused)
    )
    return Update(replace(asked_anew, engine=view), (), tuple(state.instances))


def on_processes_inspected(state: State, event: ProcessesInspected) -> Update:
    """Work in the states of a container's processes: running or stopped."""
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return no_update(state)
    if instance.container.run != event.run:
        return no_update(state)
    if event.is_idle:
        instance = replace(instance, idle=event.run)
    target = state.target_of(instance)
    instance = process_loss.apply_inspection(instance, target, event)
    instance = _note_silence(instance, target, event)
    if not instance.health.failures:
        return update_instance(state, instance)
    frozen = replace(instance.health, frozen=bool(event.stopped))
    health = apply_threshold(frozen, target, event.at.mono)
    return update_instance(state, replace(instance, health=health))


def _note_silence(
    instance: Instance, target: Target, event: ProcessesInspected
) -> Instance:
    """Take a probe without an answer for failed where a process is stopped."""
    since_mono, last_at = event.silent_since_mono, instance.health.last_at
    if since_mono is None or not event.stopped or is_acting(instance):
        return instance
    if last_at is not None and last_at.mono > since_mono:
        return instance
    silent_s = event.at.mono - since_mono
    failure = probe_failure(Cause.HUNG, Reason.of(R.NO_ANSWER_SO_FAR, seconds=silent_s))
    starting = is_in_start_period(instance, target, event.at.mono)
    health = add_result(
        instance.health,
        target,
        replace(failure, waited_s=silent_s),
        since_mono,
        event.at,
        starting=starting,
    )
    return replace(instance, health=health, looked=event.run)


def on_evidence_gathered(state: State, event: EvidenceGathered) -> Update:
    """Add the log from gathered evidence to a crash loop."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return no_update(state)
    return update_instance(state, crash_loop.add_log(instance, event.log))
