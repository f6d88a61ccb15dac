"""A maintenance window holds remedies, planned restarts and pages; it measures."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import PlannedRestartDue, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.target_state import TargetState
from sidecar.core.policy.explanation import explain
from sidecar.core.status.maintenance_windows import (
    stack_window_end_wall,
    window_end_wall,
)
from tests.support.maintenance_windows import HOUR_S, begin_window, end_windows
from tests.support.rule_scenarios import LEAF, RESTART, ROOT, start_healthy_world
from tests.support.rule_world import WALLET, RuleWorld


def test_window_holds_a_restart_until_its_end_and_measures() -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world, lasts_s=60.0)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    last = world.last(ROOT)
    assert (last.action, last.guard) == (Action.HOLD, Guard.MAINTENANCE)
    assert "a maintenance window lasts for another" in str(last.reason)
    assert world.instance(ROOT).state is TargetState.DOWN
    assert world.instance(ROOT).incident is not None
    world.wait(61.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_window_of_one_target_does_not_hold_another() -> None:
    world = start_healthy_world()
    begin_window(world, LEAF)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == [(ROOT, RESTART)]


def test_window_that_has_not_begun_holds_nothing() -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world, in_s=HOUR_S)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == [(ROOT, RESTART)]


def test_window_that_is_removed_holds_nothing_more() -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world)
    world.fails(ROOT, Cause.REFUSED, 5)
    end_windows(world)
    assert world.acts() == [(ROOT, RESTART)]


@pytest.mark.parametrize("now", [True, False])
def test_operators_restart_needs_now_in_a_window(*, now: bool) -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world)
    world.send(RestartRequested(world.now, ROOT, now))
    expected = (RESTART, Guard.NONE) if now else (Action.HOLD, Guard.MAINTENANCE)
    assert (world.last(ROOT).action, world.last(ROOT).guard) == expected


def test_planned_restart_in_a_window_is_skipped() -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world, lasts_s=60.0)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert (world.last(ROOT).action, world.last(ROOT).guard) == (
        Action.SKIP,
        Guard.MAINTENANCE,
    )
    world.wait(120.0)
    assert world.acts() == []


def stop_by_hand(world: RuleWorld) -> None:
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, exit_code=143)
    world.notice(ROOT, EngineEventKind.STOP, status=Status.EXITED)
    world.wait(3.0)


def test_page_is_held_in_a_window_and_made_at_its_end() -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world, lasts_s=60.0)
    stop_by_hand(world)
    assert (Action.HOLD, Guard.MAINTENANCE) in world.decision_guards(ROOT)
    assert "people are told at the end" in str(world.last(ROOT).reason)
    assert Action.PAGE not in [d.action for d in world.decisions]
    world.wait(70.0)
    assert [d.action for d in world.decisions].count(Action.PAGE) == 1


def test_page_before_a_window_is_not_made_again_after_it() -> None:
    world = start_healthy_world(targets=(WALLET,))
    stop_by_hand(world)
    assert world.last(ROOT).action is Action.PAGE
    begin_window(world, lasts_s=60.0)
    world.wait(120.0)
    assert [d.action for d in world.decisions].count(Action.PAGE) == 1


def test_explanation_names_the_end_of_the_window() -> None:
    world = start_healthy_world(targets=(WALLET,))
    begin_window(world, lasts_s=60.0)
    world.fails(ROOT, Cause.REFUSED, 3)
    explanation = explain(world.state, world.instance(ROOT).id, world.now)
    answers = {answer.guard: answer for answer in explanation.guards}
    answer = answers[Guard.MAINTENANCE]
    assert answer.reason is not None
    assert answer.lifts_in_s == pytest.approx(60.0 - 6.03, abs=0.2)
    assert "--now" in answer.lifted_by


def test_windows_that_touch_or_overlap_are_one() -> None:
    world = start_healthy_world()
    periods = (
        WindowPeriod(100.0, 200.0, (ROOT,)),
        WindowPeriod(150.0, 300.0),
        WindowPeriod(300.0, 400.0, (ROOT, LEAF)),
        WindowPeriod(500.0, 600.0),
    )
    state = replace(world.state, windows=periods)
    assert window_end_wall(state, ROOT, 120.0) == 400.0
    assert window_end_wall(state, LEAF, 120.0) is None
    assert window_end_wall(state, LEAF, 150.0) == 400.0
    assert window_end_wall(state, ROOT, 400.0) is None
    assert stack_window_end_wall(state, 299.0) == 300.0
    assert stack_window_end_wall(state, 300.0) is None
