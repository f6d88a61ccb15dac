"""Order of remedies where the settings name no dependency."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.dependency_graph import build_graph
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_success, probe_unknown
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.presumed_dependencies import (
    FREE,
    INTERVAL_S,
    OTHER,
    RECOVERY_S,
    SERVICE,
    SITE,
    WALLET,
    answer_wallet,
    fail_after_restart,
    start_healthy_world,
)
from tests.support.process_takeover import start_successor
from tests.support.rule_scenarios import (
    LEAF,
    NO_WALLET,
    RESTART,
    ROOT,
    list_remedy_outcomes,
)
from tests.support.rule_world import RuleWorld

START = Action.START

# presumed dependencies


def test_a_wallet_is_a_presumed_dependency_without_settings() -> None:
    assert build_graph((WALLET, FREE, OTHER)).presumed == {LEAF: (ROOT,), SITE: (ROOT,)}


def test_no_dependency_is_presumed_for_targets_with_declared_ones() -> None:
    needs_site = replace(SERVICE, depends_on=(SITE,))
    assert build_graph((WALLET, needs_site, OTHER)).presumed == {}
    assert build_graph((replace(WALLET, depends_on=(SITE,)), OTHER)).presumed == {}
    assert build_graph((FREE, OTHER)).presumed == {}


# targets that fail with a wallet wait for it


def test_a_target_that_fails_waits_until_the_wallet_is_probed() -> None:
    world = start_healthy_world()
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    assert str(world.last(LEAF).reason).endswith(
        f"{ROOT}, a wallet daemon, has not yet answered since this went down: "
        "it is asked first"
    )
    assert (
        probe_interval_s(world.state, world.instance(ROOT))
        == WALLET.cadence.fast_interval_s
    )


def test_a_target_waits_for_the_decision_on_a_failing_wallet() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED, 2)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert str(world.last(LEAF).reason).endswith(
        f"{ROOT}, a wallet daemon, is failing as well (refused): it is decided first"
    )
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_wallet_that_works_holds_no_target() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX)
    answer_wallet(world)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_that_answered_before_its_dependent_went_down_is_asked_again() -> None:
    """It may have begun to fail since: here a call of others holds it."""
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    answer_wallet(world)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == []
    assert "has not yet answered since this went down" in str(world.last(LEAF).reason)
    assert (
        probe_interval_s(world.state, world.instance(ROOT))
        == WALLET.cadence.fast_interval_s
    )
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == []


def test_a_wallet_that_cannot_be_probed_any_more_is_awaited_for_a_limited_time() -> (
    None
):
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    answer_wallet(world)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    began_s = world.now_s
    world.wait(70.0, 1.0)
    assert world.acts() == [(LEAF, RESTART)]
    assert 55.0 < world.last(LEAF).at.mono - began_s <= 65.0


def test_a_wallet_that_failed_an_interval_later_holds_no_target() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.wait(INTERVAL_S)
    world.fails(ROOT, Cause.REFUSED, 1)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_with_an_incurable_cause_holds_no_target() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_that_cannot_be_probed_holds_no_target() -> None:
    world = start_healthy_world()
    world.probe(ROOT, probe_unknown(Cause.PROBER_FAILED, text_reason("too many files")))
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_target_waits_a_limited_time_for_a_starting_wallet() -> None:
    world = start_healthy_world()
    now = world.now.wall
    world.notice(ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    world.fails(LEAF, Cause.HTTP_5XX)
    began_s = world.now_s
    assert world.instance(ROOT).state is TargetState.STARTING
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    world.wait(70.0, 1.0)
    assert world.acts() == [(LEAF, RESTART)]
    assert 55.0 < world.last(LEAF).at.mono - began_s <= 65.0


def test_an_exited_target_is_started_without_wait_for_the_wallet() -> None:
    world = start_healthy_world()
    world.wait(5.0)
    world.exits(LEAF)
    assert world.acts() == [(LEAF, START)]


def test_an_operators_restart_does_not_wait_for_the_wallet() -> None:
    world = start_healthy_world()
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.send(RestartRequested(world.now, LEAF))
    assert world.acts() == [(LEAF, RESTART)]


def test_a_target_that_failed_with_a_wallet_has_time_to_follow() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(ROOT, RESTART)]
    assert f"{ROOT} works again; this has" in str(world.last(LEAF).reason)
    world.wait(FREE.settle_s)
    answer_wallet(world)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]


# a verification that cannot succeed


def test_a_hopeless_verification_does_not_hold_the_wallet() -> None:
    world = fail_after_restart(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(LEAF, RESTART), (ROOT, RESTART)]


def test_a_hopeless_verification_does_not_hold_a_wallet_load() -> None:
    world = fail_after_restart(LEAF)
    world.probe(ROOT, NO_WALLET)
    assert world.acts() == [(LEAF, RESTART), (ROOT, Action.LOAD_WALLET)]


def test_a_verification_that_may_succeed_holds_the_wallet() -> None:
    """The new run has not answered yet, or has answered well."""
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX)
    answer_wallet(world)
    world.complete_remedy(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING
    world.probe(LEAF, probe_success())
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING


def test_a_remedy_that_the_engine_carries_out_holds_the_wallet() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX)
    answer_wallet(world)
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(LEAF)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING


def test_a_wallet_does_not_give_way_to_another_kind_of_target() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.fails(ROOT, Cause.RESET)
    world.complete_remedy(ROOT)
    world.fails(ROOT, Cause.RESET, 1)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(LEAF).guard is Guard.REMEDY_RUNNING


def test_an_operators_restart_of_a_wallet_that_works_waits() -> None:
    world = fail_after_restart(LEAF)
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING


BY_DOCKER = replace(OTHER, probes=(DockerProbe(),))


@pytest.mark.parametrize(
    ("other", "later_s", "waits"),
    [
        (OTHER, -5.0, False),
        (OTHER, 0.9 * INTERVAL_S, False),
        (OTHER, 1.5 * INTERVAL_S, True),
        (BY_DOCKER, 1.5 * INTERVAL_S, False),
        (BY_DOCKER, 60.0, True),
    ],
)
def test_the_target_that_failed_first_or_within_an_interval_comes_first(
    other: Target, later_s: float, waits: bool
) -> None:
    world = start_healthy_world(FREE, other)
    if later_s < 0:
        world.fails(SITE, Cause.HTTP_5XX, 1)
        world.wait(-later_s)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.complete_remedy(LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    if later_s > 0:
        world.wait(max(0.0, later_s - 8.0))
    world.fails(SITE, Cause.HTTP_5XX)
    is_held = world.last(SITE).guard is Guard.REMEDY_RUNNING
    assert is_held is waits


def test_no_order_is_presumed_between_declared_dependencies() -> None:
    """The verification of the root holds its dependent, in any order of failure."""
    needs = replace(OTHER, depends_on=(LEAF,))
    world = start_healthy_world(FREE, needs)
    world.fails(SITE, Cause.HTTP_5XX, 2)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.complete_remedy(LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(SITE, Cause.HTTP_5XX, 1)
    assert world.last(SITE).guard is Guard.REMEDY_RUNNING


def test_a_target_of_the_settings_does_not_give_way_to_a_labelled_one() -> None:
    world = fail_after_restart(LEAF, FREE, replace(OTHER, declared=False))
    world.fails(SITE, Cause.HTTP_5XX)
    assert world.last(SITE).guard is Guard.REMEDY_RUNNING


def test_the_time_of_a_verification_restarts_after_that_of_the_wallet() -> None:
    world = fail_after_restart(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    for _ in range(100):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert list_remedy_outcomes(world) == [(ROOT, RemedyOutcome.NOT_RECOVERED)]
    world.wait(RECOVERY_S - 10.0, 5.0)
    world.wait(RECOVERY_S + 20.0, 5.0)
    assert (LEAF, RemedyOutcome.NOT_RECOVERED) in list_remedy_outcomes(world)


def test_a_verification_succeeds_when_its_target_follows_the_wallet() -> None:
    world = fail_after_restart(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.works(LEAF)
    recovered = RemedyOutcome.RECOVERED
    assert list_remedy_outcomes(world) == [(ROOT, recovered), (LEAF, recovered)]
    assert world.acts() == [(LEAF, RESTART), (ROOT, RESTART)]


def test_two_failing_targets_do_not_wait_for_each_other_for_ever() -> None:
    world = fail_after_restart(LEAF, FREE, OTHER)
    world.fails(SITE, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART), (SITE, RESTART)]
    for _ in range(300):
        for name in (LEAF, SITE):
            if world.is_acting(name):
                world.complete_remedy(name)
            world.fails(name, Cause.HTTP_5XX, 1)
    assert {name for name, _ in list_remedy_outcomes(world)} == {LEAF, SITE}


def test_a_kill_of_sidecar_between_two_remedies_leaves_no_wallet_stopped() -> None:
    """The remedy began beside another one, and is finished beside it."""
    world = fail_after_restart(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    instance_id = InstanceId(ROOT, 1)
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    after = start_successor(world)
    after.wait(2.0)
    assert after.acts() == [(ROOT, START)]


def test_a_waiting_wallet_is_started_before_other_waiting_targets() -> None:
    late, early = replace(FREE, name="a-late"), replace(FREE, name="z-early")
    wallet = replace(WALLET, name="z-wallet")
    world = RuleWorld((late, early, wallet))
    world.works("a-late", "z-early", "z-wallet")
    world.send(RestartRequested(world.now, "a-late"))
    world.fails("z-early", Cause.HTTP_5XX)
    world.exits("z-early")
    world.exits("z-wallet")
    assert len(world.acts()) == 1
    world.complete_remedy("a-late")
    world.works("a-late")
    assert world.acts()[1] == ("z-wallet", START)


def test_of_two_waiting_targets_the_first_to_fail_is_started_first() -> None:
    late, early = replace(FREE, name="a-late"), replace(FREE, name="z-early")
    world = RuleWorld((late, early, OTHER))
    world.works("a-late", "z-early", SITE)
    world.send(RestartRequested(world.now, SITE))
    world.exits("z-early")
    world.wait(1.0)
    world.exits("a-late")
    world.complete_remedy(SITE)
    world.works(SITE)
    assert world.acts()[1] == ("z-early", START)


# targets made from labels


LABELLED_WALLET = replace(WALLET, declared=False)


def test_a_labelled_wallet_holds_no_target_of_the_settings() -> None:
    world = start_healthy_world(LABELLED_WALLET, FREE)
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]
    assert (
        probe_interval_s(world.state, world.instance(ROOT)) == WALLET.cadence.interval_s
    )


def test_a_labelled_wallet_holds_a_labelled_target() -> None:
    world = start_healthy_world(LABELLED_WALLET, replace(FREE, declared=False))
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    assert (
        probe_interval_s(world.state, world.instance(ROOT))
        == WALLET.cadence.fast_interval_s
    )


# time to follow a wallet


def test_a_target_that_works_gets_no_time_to_follow_a_wallet() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.instance(LEAF).settling is None


def test_no_target_is_presumed_to_follow_a_target_that_is_no_wallet() -> None:
    world = start_healthy_world(WALLET, FREE, OTHER)
    world.fails(SITE, Cause.HTTP_5XX, 2)
    answer_wallet(world)
    world.fails(SITE, Cause.HTTP_5XX, 1)
    world.complete_remedy(SITE)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    answer_wallet(world)
    world.works(SITE)
    assert world.instance(LEAF).settling is None


def test_a_wallet_that_somebody_stopped_holds_no_target() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED, 1)
    world.notice(ROOT, EngineEventKind.KILL, signal=15)
    world.exits(ROOT, 143)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_recovery_beside_another_remedy_does_not_extend_that_remedy() -> None:
    world = fail_after_restart(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    remedy = world.instance(ROOT).remedy
    world.wait(30.0)
    world.works(LEAF)
    assert list_remedy_outcomes(world) == [(LEAF, RemedyOutcome.RECOVERED)]
    assert world.instance(ROOT).remedy == remedy


def test_a_long_absence_of_sidecar_leaves_no_target_stopped() -> None:
    """Failures and causes are forgotten after the absence."""
    world = fail_after_restart(LEAF, FREE, OTHER)
    world.fails(SITE, Cause.HTTP_5XX)
    assert world.is_acting(SITE)
    instance_id = InstanceId(SITE, 1)
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    after = start_successor(world, away_s=90.0)
    after.wait(2.0)
    assert after.acts() == [(SITE, START)]


def test_dependent_waits_for_a_root_that_has_answered_once_since_its_start() -> None:
    world = RuleWorld()
    for instance_id, container in world.containers.items():
        started_at = world.now.wall
        world.containers[instance_id] = replace(container, started_at=started_at)
    world.relist()
    world.works(LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.STARTING
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    assert world.acts() == []
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert "30 s left to follow by itself" in str(world.last(LEAF).reason)
