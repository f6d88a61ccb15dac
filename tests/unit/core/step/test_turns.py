"""Very many targets in trouble at once: bounded steps, and a turn for each."""

from dataclasses import replace

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    RestartRequested,
    Tick,
)
from sidecar.core.model.incident import Incident
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
)
from sidecar.core.model.update import Update
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.step.turns import (
    PER_TICK,
    take_incidents,
    take_instances,
    unsettled_ids,
)
from tests.support.rule_world import WALLET, RuleWorld, container

COUNT = 3 * PER_TICK
HALF = PER_TICK // 2
NAMES = tuple(f"target-{number:04d}" for number in range(COUNT))


def failing_world(*more: Target) -> RuleWorld:
    """Everything fails; nothing was restarted or told yet."""
    targets = (Target(n, probes=(HttpProbe(f"http://{n}:8080/"),)) for n in NAMES)
    world = RuleWorld((*targets, *more), lists=False)
    world.fails(NAMES[0], Cause.HTTP_5XX, times=3)
    down = world.instance(NAMES[0])
    instances = (
        replace(
            down,
            id=instance.id,
            name=instance.name,
            container=instance.container,
            incident=None,
            remedy=None,
            state=TargetState.FAILING,
        )
        for instance in world.state.instances.values()
    )
    table = world.state.instances.with_instances(tuple(instances))
    world.state = replace(world.state, instances=table)
    return world


def test_tick_looks_at_some_and_all_have_their_turn() -> None:
    state = failing_world().state
    looked_at = set()
    for _ in range(COUNT // HALF):
        state, instances = take_instances(state)
        assert len(instances) <= PER_TICK
        looked_at |= {instance.name for instance in instances}
    assert looked_at == set(NAMES)


def test_wallet_daemon_is_looked_at_by_every_tick() -> None:
    state = failing_world(replace(WALLET, name="zz-last")).state
    for _ in range(3):
        state, instances = take_instances(state)
        assert instances[0].name == "zz-last"


def test_target_that_is_restarted_is_looked_at_by_every_tick() -> None:
    """Its deadline must not wait for its turn."""
    world = failing_world()
    world.send(RestartRequested(world.now, NAMES[-1], now=True))
    state = world.state
    assert [i.name for i in state.instances.in_remedy()] == [NAMES[-1]]
    for _ in range(3):
        state, instances = take_instances(state)
        assert NAMES[-1] in {instance.name for instance in instances}


def test_wallet_daemon_is_decided_on_where_the_remedy_of_another_ends() -> None:
    world = failing_world(replace(WALLET, name="zz-last"))
    ended = RemedyEnded(
        world.now,
        InstanceId(NAMES[0], 1),
        NAMES[0],
        Action.RESTART,
        Trigger.FAILURE,
        Cause.HTTP_5XX,
        RemedyOutcome.UNKNOWN,
        NO_REASON,
        1.0,
        None,
        None,
    )
    touched = (InstanceId(NAMES[0], 1),)
    assert unsettled_ids(Update(world.state, (), touched)) == touched
    ids = unsettled_ids(Update(world.state, (ended,), touched))
    assert InstanceId("zz-last", 1) in ids
    assert len(ids) == HALF + 1


def test_step_that_touches_very_many_leaves_them_to_the_ticks() -> None:
    state = failing_world().state
    touched = tuple(InstanceId(name, 1) for name in NAMES)
    some = touched[: 2 * PER_TICK]
    assert unsettled_ids(Update(state, (), some)) == some
    assert unsettled_ids(Update(state, (), touched)) == ()


def test_every_target_gets_its_incident_and_its_message_within_seconds() -> None:
    world = failing_world()
    most = 0
    for _ in range(2 * COUNT // HALF):
        before = world.state
        world.wait(0.5)
        changed = world.state.instances.changed_since(before.instances)
        most = max(most, len(tuple(changed)))
    assert most <= PER_TICK + 1
    told = {i.target for i in world.state.incidents.values() if i.told_wall is not None}
    assert told == set(NAMES)


def test_listing_may_close_an_incident_and_open_another() -> None:
    world = failing_world()
    for _ in range(2 * COUNT // HALF):
        world.wait(0.5)
    fresh, gone = InstanceId("zz", 1), InstanceId(NAMES[9], 1)
    world.targets = (*world.targets, replace(WALLET, name=fresh.target))
    world.containers[fresh] = container(fresh.target)
    world.relist()
    world.works(fresh.target)
    (closing,) = (i for i in world.state.incidents.values() if i.target == gone.target)
    world.targets = tuple(t for t in world.targets if t.name != gone.target)
    del world.containers[gone]
    box = world.containers[fresh]
    world.containers[fresh] = replace(box, status=Status.EXITED, exit_code=1)
    world.relist()
    assert world.instance(fresh.target).incident in world.state.incidents
    # It is forgotten later: this step tells and stores its end.
    assert not world.state.incidents[closing.id].open


def test_remedy_may_end_after_its_incident_is_forgotten() -> None:
    state = failing_world().state
    at, name = Moment(1.0, 1e9), NAMES[0]
    incident = Incident("", name, Cause.HTTP_5XX, Severity.P1, at)
    incidents = {f"{n}": replace(incident, id=f"{n}") for n in range(PER_TICK + 1)}
    state = replace(state, incidents=incidents)
    changes = tuple(
        IncidentChanged(at, each, IncidentStep.AFFECTED, name, NO_REASON)
        for each in ("forgotten", "7")
    )
    event = EngineReachabilityChanged(at, reachable=True)
    result = StepResult(event, changes, (), (), state)
    assert take_incidents(result) == (state, ("7",))


def test_few_targets_in_trouble_are_all_looked_at_in_order() -> None:
    world = RuleWorld(lists=False)
    state, instances = take_instances(world.state)
    assert state is world.state
    assert list(instances) == list(world.state.instances.values())
    world.send(Tick(world.now))
    assert world.state.last_turn == state.last_turn
