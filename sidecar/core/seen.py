"""What the world shows: containers, probes, processes, the engine."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sidecar.core import (
    address_loss,
    balance,
    budget,
    gone,
    loads,
    loop,
    own_network,
    plan,
    run,
    wallets,
)
from sidecar.core.boot import ends_boot, in_start_period, learned_boot_s
from sidecar.core.container import Container
from sidecar.core.event import (
    ContainerNotice,
    ContainersListed,
    EngineSeen,
    EvidenceGathered,
    ProbeDone,
    ProcessesSeen,
)
from sidecar.core.folded import Folded, one, put, same
from sidecar.core.health import observe, settle
from sidecar.core.ledger import adopted, close_orphans
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, failure
from sidecar.core.overlap import Overlap
from sidecar.core.restore import taken_over
from sidecar.core.state import (
    Instance,
    Phase,
    Redeploy,
    State,
)
from sidecar.core.target import InstanceId, Target
from sidecar.core.topology import work_out


def listed(state: State, event: ContainersListed) -> Folded:
    """The list of containers is the truth: who is there, who left, who is missing."""
    targets = {target.name: target for target in event.targets}
    present, made = dict(event.containers), dict(event.never_started)
    instances = {
        i: _redeployed(
            _listed_instance(state, i, present.get(i), event.at), made.get(i), event.at
        )
        for i in _expected(state, targets, present)
    }
    numbers = _numbers(instances)
    named = {
        i: loads.with_settings(
            _named(inst, numbers), state.targets.get(i.target), targets[i.target]
        )
        for i, inst in instances.items()
    }
    is_first = state.engine.listed_mono is None
    if is_first and state.doubt:
        named = {
            i: _doubted(state, inst, targets[i.target]) for i, inst in named.items()
        }
    listed = replace(
        state,
        targets=MappingProxyType(targets),
        instances=MappingProxyType(named),
        numbers=MappingProxyType(numbers),
        engine=replace(state.engine, listed_mono=event.at.mono),
        topology=work_out(event.targets)
        if dict(state.targets) != targets
        else state.topology,
        left=MappingProxyType({}),
    )
    if is_first:
        listed = adopted(listed)
    if not is_first and state.instances.keys() <= instances.keys():
        return Folded(listed, (), tuple(named))
    left, closed = close_orphans(plan.pruned(listed), event.at)
    return Folded(left, closed, tuple(named))


def _expected(
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


def _listed_instance(
    state: State, who: InstanceId, container: Container | None, at: Moment
) -> Instance:
    left = state.left.get(who)
    instance = state.instances.get(who) or left or Instance(who, who.target, since=at)
    if container is None:
        return run.lost(instance, at)
    deaf = bool(state.engine.deaf)
    attached = run.attach(instance, container, at, deaf=deaf)
    return attached if left is None else taken_over(attached, at)


def _doubted(state: State, instance: Instance, target: Target) -> Instance:
    """What is not remembered could have been done: of each lane one try is left."""
    settings, now = target.restart, state.started.mono
    return replace(
        instance,
        lane=budget.presume_tries(instance.lane, settings, now),
        load_lane=budget.presume_tries(instance.load_lane, settings, now),
    )


def _redeployed(instance: Instance, name: str | None, at: Moment) -> Instance:
    known = instance.redeploy
    if name == (known.name if known is not None else None):
        return instance
    if name is None:
        return replace(instance, redeploy=None)
    # A redeploy begins with a stop, too: that is not one to be done again.
    return replace(instance, redeploy=Redeploy(name, at), overlap=Overlap())


def _named(instance: Instance, numbers: Mapping[str, tuple[int, ...]]) -> Instance:
    target, number = instance.id
    name = target if len(numbers[target]) == 1 else f"{target}-{number}"
    return instance if instance.name == name else replace(instance, name=name)


def _numbers(instances: Iterable[InstanceId]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, tuple[int, ...]] = {}
    for target, number in instances:
        numbers[target] = (*numbers.get(target, ()), number)
    return numbers


def noticed(state: State, event: ContainerNotice) -> Folded:
    """The engine told of a container; the next list will tell whether it holds."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return same(state)
    noticed = run.notice(instance, event)
    if noticed.looping and not instance.looping:
        settings = state.target_of(instance).restart
        noticed = replace(
            noticed, lane=budget.slow(noticed.lane, settings, event.at.mono)
        )
    return one(state, noticed)


def engine_seen(state: State, event: EngineSeen) -> Folded:
    """The engine is reachable, or is not."""
    if (
        state.engine.reachable == event.reachable
        and state.engine.reason == event.reason
        and state.engine.deaf == event.deaf
        and event.other in {state.engine.other, ""}
    ):
        return same(state)
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
    asked_anew = put(state, *(replace(one, refusal=None) for one in refused))
    return Folded(replace(asked_anew, engine=view), (), tuple(state.instances))


def probed(state: State, event: ProbeDone) -> Folded:
    """A probe ended. One of a run that is over, or during a remedy, says nothing."""
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return same(state)
    if instance.container.run != event.run or _acting(instance):
        return same(state)
    target = state.target_of(instance)
    instance = own_network.with_loss(instance, event.outcome, event.began_mono)
    found = own_network.excused(state, instance, event.outcome, event.at)
    instance, outcome = wallets.judge_wallets(instance, target, found)
    starting = in_start_period(instance, target, event.at.mono)
    starting = starting and not ends_boot(instance, target, outcome)
    health = observe(
        instance.health,
        target,
        outcome,
        event.began_mono,
        event.at,
        starting=starting,
    )
    instance = loads.with_change(instance, outcome)
    looked = instance.looked if health.failures or starting else None
    boot_s = learned_boot_s(instance, target, outcome, event.began_mono)
    seen = replace(instance, health=health, looked=looked, boot_s=boot_s)
    seen, compared = balance.noted(seen, target, outcome, event.at)
    seen, loss = address_loss.compare_count(seen, outcome)
    folded = one(state, seen, *compared)
    if loss is None:
        return folded
    return address_loss.with_incident(folded, seen, loss, event.at)


def _acting(instance: Instance) -> bool:
    return instance.remedy is not None and instance.remedy.phase is Phase.ACTING


def looked(state: State, event: ProcessesSeen) -> Folded:
    """It was looked which of a container's processes work, and which are stopped."""
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return same(state)
    if instance.container.run != event.run:
        return same(state)
    if event.is_idle:
        instance = replace(instance, idle=event.run)
    target = state.target_of(instance)
    instance = gone.with_look(instance, target, event)
    instance = _with_silence(instance, target, event)
    if not instance.health.failures:
        return one(state, instance)
    frozen = replace(instance.health, frozen=bool(event.stopped))
    health = settle(frozen, target, event.at.mono)
    return one(state, replace(instance, health=health))


def _with_silence(instance: Instance, target: Target, event: ProcessesSeen) -> Instance:
    """A probe that is still silent has failed where a process is seen to be stopped."""
    since_mono, last_at = event.silent_since_mono, instance.health.last_at
    if since_mono is None or not event.stopped or _acting(instance):
        return instance
    if last_at is not None and last_at.mono > since_mono:
        return instance
    silent_s = event.at.mono - since_mono
    found = failure(Cause.HUNG, f"no answer for {silent_s:.1f} s so far")
    starting = in_start_period(instance, target, event.at.mono)
    health = observe(
        instance.health,
        target,
        replace(found, waited_s=silent_s),
        since_mono,
        event.at,
        starting=starting,
    )
    return replace(instance, health=health, looked=event.run)


def gathered(state: State, event: EvidenceGathered) -> Folded:
    """Evidence for a page is there."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return same(state)
    return one(state, loop.heard(instance, event.log))
