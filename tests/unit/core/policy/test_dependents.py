"""Root first: dependents wait for their root and get time to follow it."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import ProbeWarning, probe_success
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import IncidentStep, RemedyOutcome
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.rule_scenarios import (
    LEAF,
    PROBE_UNKNOWN,
    RESTART,
    ROOT,
    list_incident_steps,
    list_remedy_outcomes,
    list_try_times,
    start_container,
    start_healthy_world,
)
from tests.support.rule_world import SERVICE, WALLET, RuleWorld


def test_a_dependent_waits_until_its_root_has_answered() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    assert world.acts() == []
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    world.works(ROOT, times=1)
    assert world.acts() == [(LEAF, RESTART)]
    opened = world.instance(LEAF).incident
    assert opened is not None
    assert world.last(LEAF).incident == opened


def test_a_root_that_begins_to_hang_between_two_failures_is_asked_first() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.works(ROOT, times=1)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == []
    assert "has not yet answered since this went down" in str(world.last(LEAF).reason)
    fast_s = WALLET.cadence.fast_interval_s
    assert probe_interval_s(world.state, world.instance(ROOT)) == fast_s
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    assert world.acts() == []
    assert list_incident_steps(world) == []


def test_a_root_that_answers_again_for_the_first_time_still_comes_first() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.AUTH)
    world.works(ROOT, times=1)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert str(world.last(LEAF).reason).endswith(f"{ROOT} is down: it comes first")


def test_a_dependent_does_not_wait_for_a_root_whose_answers_are_slow() -> None:
    """Each answer comes after the next failure of the dependent, asked before it."""
    world = start_healthy_world()
    root = world.instance(ROOT)
    assert root.container is not None
    run = root.container.run
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    for _ in range(2):
        asked_s = world.now_s
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        late = ProbeCompleted(world.now, root.id, run, asked_s, probe_success())
        world.send(late)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_root_that_cannot_be_probed_any_more_is_awaited_for_a_limited_time() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.works(ROOT, times=1)
    answered_s = world.now_s
    for _ in range(40):
        world.probe(ROOT, PROBE_UNKNOWN)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(LEAF, RESTART)]
    assert 45.0 <= list_try_times(world, LEAF)[0] - answered_s <= 60.0


def test_a_dependent_is_held_while_the_root_has_an_open_streak() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 10)
    assert world.acts() == []
    assert world.last(LEAF).guard is Guard.DEPENDENCY


def test_a_dependent_that_follows_its_root_is_not_restarted() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.works(LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_dependent_that_does_not_follow_is_restarted_second() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    recovered = world.now_s
    for _ in range(30):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]
    second = world.decisions[-1] if world.decisions else None
    acted = next(d for d in world.decisions if d.name == LEAF and d.action is RESTART)
    assert second is not None
    assert acted.trigger is Trigger.DEPENDENCY
    assert acted.at.mono - recovered >= 29.0


def test_a_dependent_that_stays_down_after_a_short_root_failure_has_an_incident() -> (
    None
):
    world = start_healthy_world()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    world.works(ROOT)
    for _ in range(20):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert list_incident_steps(world) == [(LEAF, IncidentStep.OPENED)]
    assert (LEAF, RESTART) in world.acts()


def test_repeated_short_root_failures_do_not_hold_dependents_for_ever() -> None:
    world = start_healthy_world()
    for _ in range(30):
        world.fails(ROOT, Cause.REFUSED, 1)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=2)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert (LEAF, RESTART) in world.acts()


def test_a_dependent_gets_its_time_to_follow_a_root_that_was_only_busy() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.HUNG, 2, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert world.acts() == []
    world.works(LEAF)
    world.wait(60.0)
    assert world.acts() == []


def test_a_dependent_waits_a_limited_time_for_a_root_that_cannot_be_probed() -> None:
    world = start_healthy_world()
    for _ in range(40):
        world.probe(ROOT, PROBE_UNKNOWN)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    holds = [d for d in world.decisions if d.guard is Guard.DEPENDENCY]
    assert "has not yet answered" in str(holds[0].reason)
    assert world.acts() == [(LEAF, RESTART)]
    assert list_try_times(world, LEAF)[0] - holds[0].at.mono >= 45.0
    assert list_incident_steps(world) == [(LEAF, IncidentStep.OPENED)]


def test_a_dependent_waits_for_a_root_that_is_starting() -> None:
    slow = replace(WALLET, cadence=replace(WALLET.cadence, start_period_s=600.0))
    world = start_healthy_world(targets=(slow, SERVICE))
    world.wait(1.0)
    start_container(world, ROOT)
    for _ in range(100):
        world.fails(ROOT, Cause.REFUSED, 1)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == []
    assert world.state.incidents == {}


def test_a_root_that_exited_does_not_wait_for_the_recovery_of_its_dependent() -> None:
    world = start_healthy_world()
    world.exits(LEAF, 137, oom_killed=True)
    world.exits(ROOT, 137, oom_killed=True)
    assert world.acts() == [(LEAF, Action.START)]
    world.complete_remedy(LEAF)
    world.wait(1.0)
    assert world.acts() == [(LEAF, Action.START), (ROOT, Action.START)]
    assert list_remedy_outcomes(world) == [(LEAF, RemedyOutcome.UNKNOWN)]


def test_a_dependent_that_exited_does_not_wait_to_follow_by_itself() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    world.exits(LEAF, 1)
    assert world.last(LEAF).guard in {Guard.REMEDY_RUNNING, Guard.DEPENDENCY}
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (LEAF, Action.START)]


def test_a_dependents_time_to_follow_begins_when_its_root_works() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    assert world.instance(LEAF).settling is None
    world.works(ROOT)
    assert world.instance(LEAF).settling is not None


def test_a_dependent_that_followed_is_later_restarted_for_its_own_failure() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.works(LEAF)
    assert world.instance(LEAF).settling is None
    world.fails(LEAF, Cause.HTTP_5XX)
    world.works(ROOT)
    assert world.acts()[-1] == (LEAF, Action.RESTART)
    assert world.last(LEAF).trigger is Trigger.FAILURE


def test_a_dependent_that_works_gets_no_time_to_follow() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.instance(LEAF).settling is None


def test_a_slow_answer_of_the_root_does_not_restart_the_time_to_follow() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    settling = world.instance(LEAF).settling
    world.probe(ROOT, probe_success(warnings=(ProbeWarning.SLOW,)))
    assert world.instance(ROOT).state is TargetState.DEGRADED
    world.works(ROOT)
    assert world.instance(LEAF).settling == settling
