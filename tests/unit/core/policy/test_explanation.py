"""Explanation of an instance: every guard's answer, and the next failure's result."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import PauseRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import LaneName
from sidecar.core.model.target import Mode, RestartSettings
from sidecar.core.policy.explanation import Explanation, explain
from sidecar.core.policy.guards.answers import GuardExplanation
from sidecar.core.policy.guards.lifting import LIFTINGS
from sidecar.core.policy.guards.table import GUARDS
from tests.support.rule_scenarios import (
    LEAF,
    NO_WALLET,
    ROOT,
    list_try_times,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_steps import STEPS, Steps, play
from tests.support.rule_world import WALLET, RuleWorld

FAST_S = WALLET.cadence.fast_interval_s


def explain_in(world: RuleWorld, name: str = ROOT) -> Explanation:
    return explain(world.state, world.instance(name).id, world.now)


def answer_of(explanation: Explanation, guard: Guard) -> GuardExplanation:
    (answer,) = (a for a in explanation.guards if a.guard is guard)
    return answer


def objecting_guards(explanation: Explanation) -> list[Guard]:
    return [a.guard for a in explanation.guards if a.reason is not None]


def fail_until_restart(world: RuleWorld, cause: Cause) -> float:
    """Time until the restart, with the earliest possible probes."""
    began_s = world.now_s
    for _ in range(200):
        world.fails(ROOT, cause, 1, took_s=0.0)
        if world.acts():
            return list_try_times(world, ROOT)[-1] - began_s
    raise AssertionError("no restart")


def test_every_guard_that_is_asked_has_the_text_of_its_lifting() -> None:
    assert LIFTINGS.keys() == {guard for guard, _ in GUARDS}


def test_guards_are_answered_in_their_order() -> None:
    explanation = explain_in(start_healthy_world())
    assert [a.guard for a in explanation.guards] == [guard for guard, _ in GUARDS]
    assert objecting_guards(explanation) == []


def test_healthy_target_lacks_all_failures_of_the_threshold() -> None:
    failure = explain_in(start_healthy_wallet()).next_failure
    assert failure.is_assumed
    assert (failure.missing, failure.needed) == (3, 3)
    assert failure.remedy is Action.RESTART
    assert (failure.lane, failure.try_number) == (LaneName.FAST, 1)
    assert failure.tries_in_lane == 3
    assert failure.held_by is Guard.NONE


def test_failing_target_lacks_the_rest_of_the_threshold() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.REFUSED, 2)
    failure = explain_in(world).next_failure
    assert failure.cause is Cause.REFUSED
    assert not failure.is_assumed
    assert failure.missing == 1


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_earliest_time_is_the_time_of_the_restart(failures: int) -> None:
    world = start_healthy_wallet()
    world.wait(WALLET.cadence.interval_s)
    if failures:
        world.fails(ROOT, Cause.REFUSED, failures, took_s=0.0)
    promised_s = explain_in(world).next_failure.earliest_s
    assert promised_s == pytest.approx(fail_until_restart(world, Cause.REFUSED))


def test_silence_is_certain_after_hang_after() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    failure = explain_in(world).next_failure
    (probe,) = WALLET.probes
    assert failure.missing == 2
    # 10 s of the probe and the 2 s after it have passed.
    assert failure.certain_in_s == pytest.approx(probe.hang_after_s - 12.0)


def test_wait_between_two_tries_is_the_earliest_time() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.REFUSED, 3)
    world.complete_remedy(ROOT)
    while world.instance(ROOT).remedy is not None:
        world.fails(ROOT, Cause.REFUSED, 1)
    explanation = explain_in(world)
    answer = answer_of(explanation, Guard.BACKOFF)
    assert answer.reason is not None
    assert answer.lifts_in_s is not None
    assert answer.lifts_in_s == pytest.approx(
        world.instance(ROOT).lane.not_before - world.now_s, abs=0.2
    )
    assert explanation.next_failure.try_number == 2
    assert explanation.next_failure.held_by is Guard.BACKOFF


def test_pause_with_an_end_lifts_with_time() -> None:
    world = start_healthy_wallet()
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 600.0))
    explanation = explain_in(world)
    assert answer_of(explanation, Guard.PAUSED).lifts_in_s == pytest.approx(600.0)
    assert explanation.next_failure.held_by is Guard.PAUSED
    assert explanation.next_failure.earliest_s == pytest.approx(600.0)


def test_pause_without_an_end_never_lifts_with_time() -> None:
    world = start_healthy_wallet()
    world.send(PauseRequested(world.now, (ROOT,)))
    explanation = explain_in(world)
    answer = answer_of(explanation, Guard.PAUSED)
    assert answer.lifts_in_s is None
    assert answer.lifted_by == (
        "an operator resumes it (sidecar resume electron-cash), or the pause ends"
    )
    assert explanation.next_failure.earliest_s is None
    assert explanation.next_failure.held_by is Guard.PAUSED


def test_observe_mode_and_switched_off_restarts_both_object() -> None:
    target = replace(WALLET, restart=RestartSettings(enabled=False))
    world = RuleWorld(targets=(target,), mode=Mode.OBSERVE)
    world.works(ROOT)
    explanation = explain_in(world)
    assert objecting_guards(explanation) == [Guard.OPTED_OUT, Guard.OBSERVE]
    assert explanation.next_failure.held_by is Guard.OPTED_OUT


def test_dependent_of_a_failed_root_waits_for_the_root() -> None:
    world = start_healthy_world(mode=Mode.OBSERVE)
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    explanation = explain_in(world, LEAF)
    answer = answer_of(explanation, Guard.DEPENDENCY)
    assert answer.reason is not None
    assert answer.lifts_in_s is None
    assert explanation.is_proposed


def test_cause_without_a_remedy_gives_the_reason() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.AUTH, 1)
    failure = explain_in(world).next_failure
    assert failure.cause is Cause.AUTH
    assert failure.remedy is None
    assert failure.earliest_s is None
    assert str(failure.why_not)


def test_wallet_that_is_not_loaded_is_loaded_at_once() -> None:
    world = start_healthy_wallet(mode=Mode.OBSERVE)
    world.probe(ROOT, NO_WALLET)
    explanation = explain_in(world)
    assert explanation.action is Action.LOAD_WALLET
    assert explanation.next_failure.missing == 0
    assert explanation.next_failure.remedy is Action.LOAD_WALLET


def test_used_up_lanes_leave_no_try() -> None:
    target = replace(WALLET, restart=RestartSettings(budget=1, slow_lane_s=()))
    world = RuleWorld(targets=(target,))
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED, 3)
    world.complete_remedy(ROOT)
    while world.instance(ROOT).remedy is not None:
        world.wait(10.0)
        world.fails(ROOT, Cause.REFUSED, 1)
    failure = explain_in(world).next_failure
    assert failure.lane is LaneName.DEAD_LETTER
    assert failure.try_number == 0
    assert failure.earliest_s is None


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_explanation_agrees_with_the_decision_and_changes_nothing(
    steps: Steps,
) -> None:
    world = play(steps)
    before = world.state
    for instance in world.state.instances.values():
        explanation = explain(world.state, instance.id, world.now)
        assert explain(world.state, instance.id, world.now) == explanation
        failure = explanation.next_failure
        assert failure.certain_in_s >= 0.0
        assert failure.earliest_s is None or failure.earliest_s >= 0.0
        decision = explanation.decision
        if explanation.is_proposed and decision is not None:
            first = next(iter(objecting_guards(explanation)), Guard.NONE)
            assert decision.guard is first
    assert world.state is before
