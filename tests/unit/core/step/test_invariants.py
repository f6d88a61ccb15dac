"""Invariants of the rules in any order of events."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import EngineReachabilityChanged, ResumeRequested
from sidecar.core.model.lane import Lane
from sidecar.core.model.probe_result import probe_failure, probe_success, probe_unknown
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.reason.reason import text_reason
from tests.support import drain_steps
from tests.support.replica_steps import (
    NAME,
    REPLICA_STEPS,
    REPLICAS,
    acted_step,
    all_work_step,
    play_replicas,
)
from tests.support.rule_scenarios import LEAF, ROOT
from tests.support.rule_steps import (
    NAMES,
    PROBE_CAUSES,
    STEPS,
    TARGETS,
    Steps,
    names,
    play,
)
from tests.support.rule_world import WALLET, RuleWorld

ROOT_FAILS_AT_START: Steps = [
    ("start", ROOT),
    ("fails3", LEAF, Cause.REFUSED),
    ("fails3", ROOT, Cause.REFUSED),
]

LEAF_EXITS_WHILE_ROOT_STARTS: Steps = [
    ("start", ROOT),
    ("fails", ROOT, Cause.REFUSED),
    ("exits", LEAF, 1),
]


@given(st.lists(STEPS, max_size=60))
@example(ROOT_FAILS_AT_START)
@example(LEAF_EXITS_WHILE_ROOT_STARTS)
def test_the_invariants_hold_for_any_order_of_events(
    steps: Steps,
) -> None:
    play(steps)


@given(REPLICA_STEPS)
def test_replicas_are_taken_away_one_at_a_time_and_never_the_last(
    steps: Steps,
) -> None:
    play_replicas(steps)


@given(REPLICA_STEPS)
@settings(max_examples=60)
def test_no_replica_stays_drained_once_all_work(steps: Steps) -> None:
    world = play_replicas(steps)
    now = world.now.wall
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.send(ResumeRequested(world.now, (NAME,)))
    for name in REPLICAS:
        world.notice(name, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    for _ in range(50):
        acted_step(world)
        all_work_step(world)
        world.wait(10.0, 5.0)
    assert {i.state for i in world.state.instances.values()} <= WORKING_STATES
    assert world.state.plan is None


ROOT_COMES_BACK: Steps = [("fails3", drain_steps.ROOT, Cause.REFUSED)]


@given(drain_steps.DRAIN_STEPS)
@example(ROOT_COMES_BACK)
@settings(max_examples=40)
def test_no_replica_is_drained_again_and_again_without_a_restart(steps: Steps) -> None:
    world = drain_steps.play_drains(steps)
    before = len(world.acts())
    drain_steps.work(world, 60)
    acts = world.acts()[before:]
    for name in drain_steps.REPLICAS:
        restarts = acts.count((name, Action.RESTART))
        assert acts.count((name, Action.DRAIN)) <= restarts + 2


@given(st.lists(st.tuples(names, st.integers(1, 20)), max_size=40))
def test_unknown_alone_never_leads_to_a_remedy(rounds: list[tuple[str, int]]) -> None:
    world = RuleWorld(TARGETS)
    world.works(*NAMES)
    for name, times in rounds:
        for _ in range(times):
            world.probe(
                name, probe_unknown(Cause.PROBER_FAILED, text_reason("x")), 10.0
            )
        world.wait(30.0, 5.0)
    assert world.acts() == []


RESTART_IS_DUE_WHILE_ENGINE_IS_LOST: Steps = [
    ("works", ROOT),
    ("works", ROOT),
    ("works", LEAF),
    ("works", LEAF),
    ("due", ROOT),
    ("engine", False),
]


@given(st.lists(STEPS, max_size=40))
@example(RESTART_IS_DUE_WHILE_ENGINE_IS_LOST)
def test_good_answers_reset_lanes_and_leave_nothing_open(
    steps: Steps,
) -> None:
    world = play(steps)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    for name in NAMES:
        now = world.now.wall
        world.send(ResumeRequested(world.now, (name,)))
        world.notice(name, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    for _ in range(40):
        for name in NAMES:
            instance = world.instance(name)
            if instance.loading is not None:
                world.complete_remedy(name, restart=False)
            elif world.is_acting(name):
                world.complete_remedy(name)
            world.probe(name, probe_success())
        world.wait(5.0, 1.0)
    for name in NAMES:
        instance = world.instance(name)
        assert instance.state in WORKING_STATES, instance.reason
        assert instance.lane == Lane()
        assert (instance.remedy, instance.loading) == (None, None)
    assert [i for i in world.state.incidents.values() if i.open] == []
    assert (world.state.plan, dict(world.state.due)) == (None, {})


@given(st.lists(st.sampled_from(PROBE_CAUSES), min_size=1, max_size=30))
def test_only_curable_causes_are_ever_treated(causes: list[Cause]) -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    for cause in causes:
        result = probe_failure(cause, text_reason("x"))
        world.probe(ROOT, result, 10.0)
        world.now_s += 2.0
        for decision in world.decisions:
            if decision.action is Action.RESTART:
                assert decision.cause not in {
                    Cause.AUTH,
                    Cause.MISCONFIGURED,
                    Cause.DETACHED,
                    Cause.UPSTREAM_LOST,
                    Cause.UPSTREAM_STALE,
                    Cause.WALLET_SYNCING,
                    Cause.WALLET_NOT_LOADED,
                }
