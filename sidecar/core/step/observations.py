"""What the world shows: containers, probes, processes, the engine."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
    ProbeCompleted,
    ProcessesInspected,
)
from sidecar.core.model.instance import Instance, Redeploy, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.update import (
    Update,
    replace_instances,
    unchanged,
    update_instance,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import (
    address_loss,
    balance_check,
    planned_restart,
    retry_budget,
    wallet_load,
)
from sidecar.core.recovery.takeover import resume_instance
from sidecar.core.status import (
    container_run,
    crash_loop,
    expected_wallets,
    own_network,
    process_loss,
)
from sidecar.core.status.start_period import (
    is_boot_over,
    is_in_start_period,
    learn_boot_s,
)
from sidecar.core.status.streaks import add_result, apply_threshold


def on_containers_listed(state: State, event: ContainersListed) -> Update:
    """The list of containers is the truth: who is there, who left, who is missing."""
    targets = {target.name: target for target in event.targets}
    present, made = dict(event.containers), dict(event.never_started)
    instances = {
        i: _find_redeploys(
            _apply_listing(state, i, present.get(i), event.at), made.get(i), event.at
        )
        for i in _expected_instances(state, targets, present)
    }
    numbers = _numbers(instances)
    named = {
        i: wallet_load.note_settings_change(
            _public_name(inst, numbers), state.targets.get(i.target), targets[i.target]
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
        instances=MappingProxyType(named),
        numbers=MappingProxyType(numbers),
        engine=replace(state.engine, listed_mono=event.at.mono),
        topology=build_graph(event.targets)
        if dict(state.targets) != targets
        else state.topology,
        left=MappingProxyType({}),
    )
    if is_first:
        listed = reattach_incidents(listed)
    if not is_first and state.instances.keys() <= instances.keys():
        return Update(listed, (), tuple(named))
    left, closed = close_unwatched(planned_restart.drop_unwatched(listed), event.at)
    return Update(left, closed, tuple(named))


def _expected_instances(
    state: State, targets: Mapping[str, Target], present: Iterable[InstanceId]
) -> list[InstanceId]:
    """Who is there, and who should be: a target without any container is missed."""
    expected = [i for i in present if i.target in targets]
    there = {i.target for i in expected}
    numbers = state.numbers or _numbers(sorted(state.left))
    for name in targets:
        if name not in there:
            known = numbers.get(name, (1,))
            expected.append(InstanceId(name, known[0]))
    return sorted(expected)


def _apply_listing(
    state: State, who: InstanceId, container: Container | None, at: Moment
) -> Instance:
    left = state.left.get(who)
    instance = state.instances.get(who) or left or Instance(who, who.target, since=at)
    if container is None:
        return container_run.remove_container(instance, at)
    deaf = bool(state.engine.deaf)
    attached = container_run.attach_container(instance, container, at, deaf=deaf)
    return attached if left is None else resume_instance(attached, at)


def _presume_lost_tries(state: State, instance: Instance, target: Target) -> Instance:
    """What is not remembered could have been done: of each lane one try is left."""
    settings, now = target.restart, state.started.mono
    return replace(
        instance,
        lane=retry_budget.presume_tries(instance.lane, settings, now),
        load_lane=retry_budget.presume_tries(instance.load_lane, settings, now),
    )


def _find_redeploys(instance: Instance, name: str | None, at: Moment) -> Instance:
    known = instance.redeploy
    if name == (known.name if known is not None else None):
        return instance
    if name is None:
        return replace(instance, redeploy=None)
    # A redeploy begins with a stop, too: that is not one to be done again.
    return replace(instance, redeploy=Redeploy(name, at), overlap=RestartOverlap())


def _public_name(
    instance: Instance, numbers: Mapping[str, tuple[int, ...]]
) -> Instance:
    target, number = instance.id
    name = target if len(numbers[target]) == 1 else f"{target}-{number}"
    return instance if instance.name == name else replace(instance, name=name)


def _numbers(instances: Iterable[InstanceId]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, tuple[int, ...]] = {}
    for target, number in instances:
        numbers[target] = (*numbers.get(target, ()), number)
    return numbers


def on_container_event(state: State, event: ContainerEventSeen) -> Update:
    """The engine told of a container; the next list will tell whether it holds."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return unchanged(state)
    noticed = container_run.apply_engine_event(instance, event)
    if noticed.looping and not instance.looping:
        settings = state.target_of(instance).restart
        noticed = replace(
            noticed,
            lane=retry_budget.enter_slow_lane(noticed.lane, settings, event.at.mono),
        )
    return update_instance(state, noticed)


def on_engine_reachability(state: State, event: EngineReachabilityChanged) -> Update:
    """The engine is reachable, or is not."""
    if (
        state.engine.reachable == event.reachable
        and state.engine.reason == event.reason
        and state.engine.deaf == event.deaf
        and event.other in {state.engine.other, ""}
    ):
        return unchanged(state)
    known = state.engine
    since = known.since if known.reachable == event.reachable else event.at
    # What was told before this start began at a time that is not known.
    lost_at = known.since if event.reachable and known.since.wall else None
    if known.reachable == event.reachable:
        lost_at = known.lost_at
    view = replace(
        state.engine,
        reachable=event.reachable,
        reason=event.reason,
        since=since,
        lost_at=lost_at,
        deaf=event.deaf,
        other=event.other if event.reachable else state.engine.other,
    )
    # What is connected to next may let us do more.
    refused = (i for i in state.instances.values() if i.refusal is not None)
    asked_anew = replace_instances(
        state, *(replace(one, refusal=None) for one in refused)
    )
    return Update(replace(asked_anew, engine=view), (), tuple(state.instances))


def on_probe_completed(state: State, event: ProbeCompleted) -> Update:
    """A probe ended. One of a run that is over, or during a remedy, says nothing."""
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return unchanged(state)
    if instance.container.run != event.run or _is_acting(instance):
        return unchanged(state)
    target = state.target_of(instance)
    instance = own_network.note_loss(instance, event.outcome, event.began_mono)
    found = own_network.excuse_result(state, instance, event.outcome, event.at)
    instance, outcome = expected_wallets.judge_wallets(instance, target, found)
    starting = is_in_start_period(instance, target, event.at.mono)
    starting = starting and not is_boot_over(instance, target, outcome)
    health = add_result(
        instance.health,
        target,
        outcome,
        event.began_mono,
        event.at,
        starting=starting,
    )
    instance = wallet_load.note_file_change(instance, outcome)
    looked = instance.looked if health.failures or starting else None
    boot_s = learn_boot_s(instance, target, outcome, event.began_mono)
    seen = replace(instance, health=health, looked=looked, boot_s=boot_s)
    seen, compared = balance_check.note_balance(seen, target, outcome, event.at)
    seen, loss = address_loss.compare_count(seen, outcome)
    folded = update_instance(state, seen, *compared)
    if loss is None:
        return folded
    return address_loss.open_incident(folded, seen, loss, event.at)


def _is_acting(instance: Instance) -> bool:
    return instance.remedy is not None and instance.remedy.phase is RemedyPhase.ACTING


def on_processes_inspected(state: State, event: ProcessesInspected) -> Update:
    """It was looked which of a container's processes work, and which are stopped."""
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return unchanged(state)
    if instance.container.run != event.run:
        return unchanged(state)
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
    """A probe that is still silent has failed where a process is seen to be stopped."""
    since_mono, last_at = event.silent_since_mono, instance.health.last_at
    if since_mono is None or not event.stopped or _is_acting(instance):
        return instance
    if last_at is not None and last_at.mono > since_mono:
        return instance
    silent_s = event.at.mono - since_mono
    found = probe_failure(Cause.HUNG, Reason.of(R.NO_ANSWER_SO_FAR, seconds=silent_s))
    starting = is_in_start_period(instance, target, event.at.mono)
    health = add_result(
        instance.health,
        target,
        replace(found, waited_s=silent_s),
        since_mono,
        event.at,
        starting=starting,
    )
    return replace(instance, health=health, looked=event.run)


def on_evidence_gathered(state: State, event: EvidenceGathered) -> Update:
    """Evidence for a page is there."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return unchanged(state)
    return update_instance(state, crash_loop.add_log(instance, event.log))
