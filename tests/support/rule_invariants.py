"""Invariants of the rules, which hold after every event."""

from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.status.container_run import is_running
from sidecar.core.status.presumed_dependencies import is_only_verified
from sidecar.core.status.replicas import does_another_work, is_drained
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.invariants import (
    check_decision,
    check_limits,
    check_one_open_incident,
    check_one_remedy_at_once,
)
from tests.support.rule_scenarios import OTHER, ROOT
from tests.support.rule_world import RuleWorld


def check_invariants(world: RuleWorld, new: tuple[Decision, ...]) -> None:
    """Check the invariants after every event."""
    check_one_remedy_at_once(world.state)
    check_other_gives_no_way(world)
    check_limits(world.state, world.now_s)
    check_one_open_incident(world.state)
    for decision in new:
        check_decision(world.state, decision)
    for instance in world.state.instances.values():
        interval_s = probe_interval_s(world.state, instance)
        assert interval_s is None or interval_s > 0


def check_other_gives_no_way(world: RuleWorld) -> None:
    """A verified remedy may give way to another, but a root never to its dependent."""
    names = {i.name for i in world.state.instances.values() if i.remedy or i.loading}
    if OTHER in names and ROOT in names:
        mine, wallets = (world.instance(n).remedy for n in (OTHER, ROOT))
        began = [r.began.mono if r else world.now_s for r in (mine, wallets)]
        assert began[0] <= began[1], "the wallet gave way"


def check_replicas(world: RuleWorld, new: tuple[Decision, ...]) -> None:
    """Check that Sidecar takes away one replica at a time, and never the last one."""
    for name in world.state.targets:
        check_one_replica_at_a_time(world, name)
    for decision in new:
        if decision.action is Action.DRAIN or is_rolling(decision):
            check_another_serves(world, decision)


def check_one_replica_at_a_time(world: RuleWorld, target: str) -> None:
    """One replica is drained or acted on; a failed one overtakes a drain."""
    replicas = [i for i in world.state.replicas(target) if i.remedy is not None]
    drained = [i for i in replicas if is_drained(i)]
    acted_on = [i for i in replicas if not (is_drained(i) or is_only_verified(i))]
    assert len(drained) <= 1
    assert len(acted_on) <= 1
    if drained and acted_on:
        assert not seems_well(acted_on[0]), "two that serve"
    for instance in drained:
        assert instance.remedy is not None
        assert does_another_work(world.state, instance), "nowhere to go"
        # A long wait of the world has steps of up to 20 s.
        late_s = world.now_s - instance.remedy.deadline_mono
        assert late_s < 30.0, "drained for ever"


def is_rolling(decision: Decision) -> bool:
    """Is it a restart of a replica only because it is its turn?"""
    if decision.action is not Action.RESTART:
        return False
    return decision.trigger is Trigger.PLANNED or "a rolling restart" in str(
        decision.reason
    )


def seems_well(instance: Instance) -> bool:
    """Did it serve until now, by its last probes?"""
    if not is_running(instance):
        return False
    return instance.health.up is True and not instance.health.failures


def check_another_serves(world: RuleWorld, decision: Decision) -> None:
    """Check that requests have another place to go, if they had two before."""
    instance = world.instance(decision.name)
    others = [
        i
        for i in world.state.replicas(decision.instance.target)
        if i.id != decision.instance
        and i.state not in {TargetState.STOPPED, TargetState.MISSING}
    ]
    if decision.action is Action.DRAIN:
        assert any(i.state in WORKING_STATES for i in others), "the last is drained"
    elif seems_well(instance):
        states = {i.name: i.state for i in others}
        assert set(states.values()) <= WORKING_STATES, f"not the only one: {states}"
