"""Invariants of the rules, which hold after every event."""

from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.recovery import retry_budget
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.status.container_run import is_running
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.presumed_dependencies import is_only_verified
from sidecar.core.status.replicas import does_another_work, is_drained
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.rule_scenarios import LEAF, OTHER, ROOT
from tests.support.rule_world import RuleWorld


def check_invariants(world: RuleWorld, new: tuple[Decision, ...]) -> None:
    """Check the invariants after every event."""
    check_one_remedy_at_a_time(world)
    for decision in new:
        assert decision.reason
        if decision.action in {Action.START, Action.RESTART}:
            check_unforced_action(world, decision)
    for instance in world.state.instances.values():
        check_budget(world, instance.name)
        if instance.state in WORKING_STATES:
            assert instance.lane == Lane(), "health re-arms"
        interval_s = probe_interval_s(world.state, instance)
        assert interval_s is None or interval_s > 0


def check_one_remedy_at_a_time(world: RuleWorld) -> None:
    """A verified remedy may give way to another, but a root never to its dependent."""
    busy = [i for i in world.state.instances.values() if i.remedy or i.loading]
    names = {i.name for i in busy}
    acted_on = [i.name for i in busy if not is_only_verified(i)]
    assert len(acted_on) <= 1, f"two remedies at once: {acted_on}"
    assert not {ROOT, LEAF} <= names, "one waits for the other"
    if OTHER in names and ROOT in names:
        mine, wallets = (world.instance(n).remedy for n in (OTHER, ROOT))
        began = [r.began.mono if r else world.now_s for r in (mine, wallets)]
        assert began[0] <= began[1], "the wallet gave way"


def check_unforced_action(world: RuleWorld, decision: Decision) -> None:
    """Check that the engine is there, and that a dependent has a working root."""
    if decision.trigger in {Trigger.FAILURE, Trigger.DEPENDENCY}:
        assert world.state.engine.reachable
        if decision.name == LEAF:
            root = world.instance(ROOT)
            health = root.health
            assert health.failures == 0, "a dependent before its down root"
            assert health.blind or current_cause(root) is None, "it just failed"


def check_budget(world: RuleWorld, name: str) -> None:
    """Check the limits of tries for one target."""
    instance = world.instance(name)
    settings = world.state.target_of(instance).restart
    lane = instance.lane
    assert retry_budget.tries_in_window(lane, settings, world.now_s) <= settings.budget
    assert lane.slow_tries <= len(settings.slow_lane_s)
    forced = [d for d in world.decisions if d.trigger is Trigger.OPERATOR]
    if not forced:
        assert len(world.state.restarts) <= RESTART_LIMIT


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
