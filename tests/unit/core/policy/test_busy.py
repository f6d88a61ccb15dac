"""Guard ``busy``: a restart that can wait does not interrupt work in progress."""

from dataclasses import replace

import pytest

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict, BusyWait
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import (
    BusyAnswered,
    PlannedRestartCancelled,
    PlannedRestartDue,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import (
    AfterDependency,
    BusySettings,
    InstanceId,
    PlannedRestartSettings,
    Target,
)
from sidecar.core.policy.explanation import explain
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.busy_wait import (
    FRESH_S,
    find_wait,
    instances_being_asked,
    instances_to_ask,
    is_free,
)
from sidecar.core.recovery.planned_restart import PLAN_STEP_S
from tests.support.rule_scenarios import restart_container
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT, LEAF = WALLET.name, SERVICE.name
LEAF_ID = InstanceId(LEAF, 1)
ASK = BusySettings(url="http://bitcoincash-service:8080/busy", max_wait_s=600.0)
NIGHTLY = PlannedRestartSettings("0 3 * * *")
BUSY_SERVICE = replace(SERVICE, busy=ASK, preventive=NIGHTLY)
FREE = BusyAnswer(BusyVerdict.FREE, Reason.of(R.BUSY_STATUS, status=200))
BUSY = BusyAnswer(BusyVerdict.BUSY, Reason.of(R.BUSY_STATUS, status=423))
REFUSED = BusyAnswer(
    BusyVerdict.UNCLEAR, Reason.of(R.CONNECTION_REFUSED, place="the service")
)
HELD = (Action.HOLD, Guard.BUSY)


def start_world(service: Target = BUSY_SERVICE, wallet: Target = WALLET) -> RuleWorld:
    world = RuleWorld(targets=(wallet, service))
    world.works(ROOT, LEAF)
    return world


def start_due_world(target: str = LEAF) -> RuleWorld:
    world = start_world()
    world.send(PlannedRestartDue(world.now, target))
    return world


def answer(world: RuleWorld, busy_answer: BusyAnswer, name: str = LEAF) -> None:
    instance = world.instance(name)
    assert instance.container is not None
    world.send(
        BusyAnswered(world.now, instance.id, instance.container.run, busy_answer)
    )


def repeat_answer(world: RuleWorld, busy_answer: BusyAnswer, seconds: float) -> None:
    """The same answer every 5 s, as the edge asks."""
    for _ in range(round(seconds / 5)):
        world.wait(5.0)
        answer(world, busy_answer)


def list_asked(world: RuleWorld) -> tuple[InstanceId, ...]:
    return instances_being_asked(world.state, world.now)


def test_planned_restart_asks_first_and_follows_a_free_answer_at_once() -> None:
    world = start_due_world()
    assert world.decision_guards(LEAF) == [HELD]
    assert "is asked whether it is busy" in str(world.last(LEAF).reason)
    assert list_asked(world) == (LEAF_ID,)
    answer(world, FREE)
    assert world.acts() == [(LEAF, Action.RESTART)]
    assert "busy" not in str(world.last(LEAF).reason)
    assert list_asked(world) == ()


def test_planned_restart_waits_for_a_busy_target_and_says_so_once() -> None:
    world = start_due_world()
    repeat_answer(world, BUSY, 120.0)
    assert world.decision_guards(LEAF) == [HELD, HELD]
    reason = str(world.last(LEAF).reason)
    assert f"{LEAF} is busy (it answered 423)" in reason
    assert "for another 9 min at most" in reason
    answer(world, FREE)
    (restart,) = [d for d in world.decisions if d.action is Action.RESTART]
    assert f"it waited 2 min until {LEAF} was free" in str(restart.reason)


@pytest.mark.parametrize(
    ("busy_answer", "words"),
    [
        (BUSY, "is still busy after the longest wait of 10 min (it answered 423)"),
        (REFUSED, "did not say for 10 min whether it is busy (connection refused by"),
    ],
)
def test_planned_restart_happens_after_the_longest_wait(
    busy_answer: BusyAnswer, words: str
) -> None:
    world = start_due_world()
    repeat_answer(world, busy_answer, 595.0)
    assert world.acts() == []
    world.wait(6.0)
    assert world.acts() == [(LEAF, Action.RESTART)]
    (restart,) = [d for d in world.decisions if d.action is Action.RESTART]
    assert words in str(restart.reason)


def test_target_that_never_answers_counts_as_free_after_the_longest_wait() -> None:
    world = start_due_world()
    world.wait(601.0)
    assert world.acts() == [(LEAF, Action.RESTART)]
    (restart,) = [d for d in world.decisions if d.action is Action.RESTART]
    assert "so it counts as free" in str(restart.reason)


def test_planned_restart_waits_longer_than_other_plans_do() -> None:
    busy = replace(ASK, max_wait_s=3 * PLAN_STEP_S)
    world = start_world(replace(BUSY_SERVICE, busy=busy))
    world.send(PlannedRestartDue(world.now, LEAF))
    repeat_answer(world, BUSY, 3 * PLAN_STEP_S - 10.0)
    assert set(world.decision_guards(LEAF)) == {HELD}
    repeat_answer(world, BUSY, 15.0)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_free_answer_of_an_earlier_plan_is_not_relied_on() -> None:
    world = start_due_world()
    world.send(PlannedRestartCancelled(world.now, LEAF))
    answer(world, FREE)
    world.wait(2.0)
    world.send(PlannedRestartDue(world.now, LEAF))
    assert world.acts() == []
    assert list_asked(world) == (LEAF_ID,)


def test_free_answer_is_true_for_some_seconds_only() -> None:
    wait = BusyWait(RunId("id", 0.0), 100.0, FREE, answered_mono=100.0)
    assert is_free(wait, Moment(100.0 + FRESH_S, 0.0))
    assert not is_free(wait, Moment(101.0 + FRESH_S, 0.0))


def test_wait_for_an_earlier_run_is_over() -> None:
    world = start_due_world()
    instance = world.instance(LEAF)
    assert find_wait(world.state, instance) is not None
    assert instance.container is not None
    later = replace(instance.container, started_at=world.now.wall)
    assert find_wait(world.state, replace(instance, container=later)) is None


def test_process_that_has_gone_or_is_stopped_is_not_asked() -> None:
    world = start_world()
    slow = replace(world.instance(LEAF), lane=Lane(name=LaneName.SLOW))
    stopped_health = replace(slow.health, frozen=True)
    gone_health = replace(slow.health, gone_mono=world.now_s, may_return_until_mono=0.0)
    trigger = Trigger.FAILURE
    assert list(instances_to_ask(world.state, slow, trigger)) == [slow]
    for health in (stopped_health, gone_health):
        dead = replace(slow, health=health)
        assert list(instances_to_ask(world.state, dead, trigger)) == []


def test_each_planned_restart_waits_anew() -> None:
    world = start_due_world()
    repeat_answer(world, BUSY, 300.0)
    world.send(PlannedRestartCancelled(world.now, LEAF))
    assert list_asked(world) == ()
    world.wait(3600.0)
    world.send(PlannedRestartDue(world.now, LEAF))
    repeat_answer(world, BUSY, 590.0)
    assert world.acts() == []


def test_answer_of_an_earlier_run_is_ignored() -> None:
    world = start_due_world()
    old = world.instance(LEAF).container
    assert old is not None
    restart_container(world, LEAF_ID)
    world.works(LEAF)
    world.send(BusyAnswered(world.now, LEAF_ID, old.run, FREE))
    assert world.acts() == []


def test_planned_restart_of_the_root_waits_for_a_busy_dependent() -> None:
    world = start_due_world(ROOT)
    assert world.decision_guards(ROOT) == [HELD]
    assert list_asked(world) == (LEAF_ID,)
    answer(world, BUSY)
    assert f"{LEAF} is busy" in str(world.last(ROOT).reason)
    answer(world, FREE)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert list_asked(world) == (LEAF_ID,)
    answer(world, FREE)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def test_dependent_that_is_not_restarted_is_asked_as_well() -> None:
    never = replace(BUSY_SERVICE, after_dependency=AfterDependency.NEVER)
    world = start_world(never)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert list_asked(world) == (LEAF_ID,)


def test_certain_restart_of_the_fast_lane_does_not_ask() -> None:
    world = start_world(wallet=replace(WALLET, busy=ASK))
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert list_asked(world) == ()


def test_operators_restart_does_not_ask() -> None:
    world = start_world()
    world.send(RestartRequested(world.now, LEAF))
    assert world.acts() == [(LEAF, Action.RESTART)]


def reach_slow_lane(world: RuleWorld) -> None:
    """Three restarts that did not help, until the next one is due."""
    for _ in range(3):
        world.fails(LEAF, Cause.HTTP_5XX, 3)
        world.wait(60.0)
        if world.is_acting(LEAF):
            world.complete_remedy(LEAF)
        fail_for(world, 240.0)
    assert world.instance(LEAF).lane.name is LaneName.SLOW


def fail_for(world: RuleWorld, seconds: float) -> None:
    until_s = world.now_s + seconds
    while world.now_s < until_s and not world.is_acting(LEAF):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)


def test_restart_of_the_slow_lane_asks_and_waits() -> None:
    world = start_world()
    reach_slow_lane(world)
    act_count = len(world.acts())
    while world.last(LEAF).guard is not Guard.BUSY:
        fail_for(world, 10.0)
        assert len(world.acts()) == act_count
    assert list_asked(world) == (LEAF_ID,)
    answer(world, BUSY)
    assert f"{LEAF} is busy" in str(world.last(LEAF).reason)
    answer(world, FREE)
    assert len(world.acts()) == act_count + 1
    assert list_asked(world) == ()


def test_target_that_works_again_is_not_asked_any_more() -> None:
    world = start_world()
    reach_slow_lane(world)
    while world.last(LEAF).guard is not Guard.BUSY:
        fail_for(world, 10.0)
    world.works(LEAF, times=4)
    assert list_asked(world) == ()


def test_longest_wait_of_zero_asks_nothing() -> None:
    world = start_world(replace(BUSY_SERVICE, busy=replace(ASK, max_wait_s=0.0)))
    world.send(PlannedRestartDue(world.now, LEAF))
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_explanation_names_the_guard_and_when_time_lifts_it() -> None:
    world = start_due_world()
    world.wait(10.0)
    answer(world, BUSY)
    explanation = explain(world.state, LEAF_ID, world.now)
    (guard,) = [g for g in explanation.guards if g.guard is Guard.BUSY]
    assert guard.reason is not None
    assert guard.reason.code is R.TARGET_BUSY
    assert guard.lifts_in_s == pytest.approx(590.0, abs=1.0)
    assert "busy.max_wait" in guard.lifted_by


def list_held(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.guard is Guard.BUSY]


def test_answers_that_change_are_not_recorded_each_time() -> None:
    world = start_due_world()
    for busy_answer in (BUSY, REFUSED) * 20:
        world.wait(5.0)
        answer(world, busy_answer)
    assert len(list_held(world)) == 2
