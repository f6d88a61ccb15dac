"""Failures are counted in a streak; the restart follows at the threshold."""

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import ProbeWarning, probe_success, probe_unknown
from sidecar.core.model.target import InstanceId, Mode
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import (
    PROBE_UNKNOWN,
    RESTART,
    ROOT,
    list_pages,
    start_healthy_world,
)
from tests.support.rule_world import EPOCH, WALLET, RuleWorld, container


@pytest.mark.parametrize(
    "cause",
    [
        Cause.REFUSED,
        Cause.RESET,
        Cause.BAD_BODY,
        Cause.HTTP_5XX,
        Cause.COMMAND_FAILED,
        Cause.ENGINE_UNHEALTHY,
    ],
)
def test_a_curable_cause_is_restarted_at_the_third_failure(cause: Cause) -> None:
    world = start_healthy_world()
    world.fails(ROOT, cause, 2)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.FAILING
    world.fails(ROOT, cause, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_each_failure_below_the_threshold_is_a_hold_decision() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED, 2)
    assert world.decision_guards(ROOT) == [(Action.HOLD, Guard.THRESHOLD)] * 2
    assert "failure 2 of 3" in str(world.last(ROOT).reason)


def test_one_success_clears_the_streak() -> None:
    world = start_healthy_world()
    for _ in range(5):
        world.fails(ROOT, Cause.REFUSED, 2)
        world.works(ROOT, times=1)
    assert world.acts() == []


def test_two_successes_make_a_target_that_was_down_healthy() -> None:
    world = start_healthy_world(mode=Mode.OBSERVE)
    world.fails(ROOT, Cause.REFUSED)
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.DOWN
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_unknown_result_changes_no_streak() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED, 2)
    for _ in range(10):
        world.probe(
            ROOT,
            probe_unknown(Cause.PROBER_FAILED, text_reason("no file descriptors left")),
        )
    assert world.acts() == []
    assert world.instance(ROOT).health.failures == 2


def test_failures_in_the_start_period_do_not_count() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.fails(ROOT, Cause.REFUSED, 10)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STARTING


def test_the_start_period_ends_with_the_first_success() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, RESTART)]


def test_an_engine_whose_clock_is_behind_does_not_end_the_start_period() -> None:
    world = start_healthy_world(targets=(WALLET,))
    late_result = world.now.wall - 3600.0
    world.wait(10.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=late_result
    )
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STARTING


def test_a_warning_makes_a_target_degraded_and_never_restarts_it() -> None:
    world = start_healthy_world()
    for _ in range(10):
        world.probe(
            ROOT,
            probe_success(
                warnings=(ProbeWarning.SLOW,), reason=text_reason("answered in 12 s")
            ),
        )
        world.now_s += 15.0
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.DEGRADED


def test_a_probe_result_of_an_older_run_is_ignored() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED, 2)
    instance = world.instance(ROOT)
    assert instance.container is not None
    old_run = instance.container.run
    world.notice(ROOT, EngineEventKind.START, started_at=world.now.wall)
    late_result = probe_success()
    world.send(
        ProbeCompleted(world.now, instance.id, old_run, world.now_s - 1, late_result)
    )
    assert world.instance(ROOT).health.last is None


def test_a_curable_cause_after_an_incurable_one_is_counted_from_one() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.WALLET_SYNCING, 30)
    world.fails(ROOT, Cause.REFUSED, 2)
    assert world.acts() == []
    assert "failure 2 of 3" in str(world.last(ROOT).reason)
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_causes_with_the_same_remedy_are_counted_together() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for cause in (Cause.RESET, Cause.HTTP_5XX, Cause.REFUSED):
        world.fails(ROOT, cause, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_an_unknown_result_within_a_streak_pages_nobody() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED, 2)
    world.probe(ROOT, PROBE_UNKNOWN)
    world.wait(5.0)
    assert list_pages(world, ROOT) == []
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, RESTART)]
