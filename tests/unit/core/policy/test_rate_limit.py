"""The limit of restarts an hour, with a reserve for the roots of the settings."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RestartRequested, Tick
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import ExecProbe
from sidecar.core.model.target import InstanceId, RestartSettings, Target
from sidecar.core.recovery.restart_rate import RESTART_LIMIT, ROOT_RESERVE, TARGET_SHARE
from tests.support.process_takeover import start_successor
from tests.support.rule_scenarios import (
    INDEPENDENT,
    LEAF,
    NIGHTLY_RESTART,
    NO_WALLET,
    OTHER,
    RESTART,
    ROOT,
    list_pages,
    list_try_times,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

GREEDY = Target(
    "greedy",
    probes=(ExecProbe(("false",)),),
    restart=RestartSettings(budget=12, backoff_s=0.1, window_s=3600.0),
    declared=False,
)
SECOND = replace(GREEDY, name="second")
OTHER_ROOT = replace(WALLET, name="other")


def fail_repeatedly(world: RuleWorld, name: str, times: int) -> None:
    """The target fails and, restarted, works again, ``times`` times."""
    others = [i.name for i in world.state.instances.values() if i.name != name]
    for _ in range(times):
        world.fails(name, Cause.REFUSED)
        world.works(*others, times=1)
        world.send(Tick(world.now))
        if world.is_acting(name):
            world.complete_remedy(name)
            world.works(name)
        else:
            world.works(name)


def count_restarts(world: RuleWorld, name: str) -> int:
    return world.acts().count((name, RESTART))


def test_a_labelled_target_uses_up_its_share_and_the_wallet_is_restarted() -> None:
    world = start_healthy_world(targets=(WALLET, SERVICE, GREEDY))
    fail_repeatedly(world, "greedy", 12)
    assert count_restarts(world, "greedy") == TARGET_SHARE
    assert world.last("greedy").guard is Guard.RATE_LIMIT
    fail_repeatedly(world, ROOT, 1)
    assert count_restarts(world, ROOT) == 1


def test_a_labelled_target_that_never_works_uses_up_no_more_than_its_share() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    for _ in range(300):
        world.fails("greedy", Cause.COMMAND_FAILED, 1)
        if world.is_acting("greedy"):
            world.complete_remedy("greedy", RemedyCallResult.FAILED, restart=False)
    assert count_restarts(world, "greedy") == TARGET_SHARE
    assert len(world.state.restarts) == TARGET_SHARE


def test_many_labelled_targets_leave_the_reserve_to_the_root() -> None:
    world = start_healthy_world(targets=(WALLET, SERVICE, GREEDY, SECOND))
    fail_repeatedly(world, "greedy", 7)
    fail_repeatedly(world, "second", 7)
    assert count_restarts(world, "greedy") + count_restarts(world, "second") == (
        RESTART_LIMIT - ROOT_RESERVE
    )
    fail_repeatedly(world, LEAF, 1)
    assert (Action.PAGE, Guard.RATE_LIMIT) in world.decision_guards(LEAF)
    assert "kept for its roots" in str(world.last(LEAF).reason)
    fail_repeatedly(world, ROOT, ROOT_RESERVE + 1)
    assert count_restarts(world, ROOT) == ROOT_RESERVE
    assert "10 restarts in this stack within the hour" in str(world.last(ROOT).reason)


@pytest.mark.parametrize(
    ("targets", "name", "allowed"),
    [
        ((WALLET,), ROOT, RESTART_LIMIT),
        ((WALLET, SERVICE), ROOT, RESTART_LIMIT),
        ((WALLET, GREEDY), ROOT, RESTART_LIMIT),
        ((WALLET, OTHER_ROOT), ROOT, RESTART_LIMIT - ROOT_RESERVE),
        ((WALLET, SERVICE), LEAF, TARGET_SHARE),
        ((GREEDY,), "greedy", TARGET_SHARE),
        ((GREEDY, SECOND), "greedy", TARGET_SHARE),
        # What needs only what labels made is a root of the settings.
        ((replace(WALLET, depends_on=("greedy",)), GREEDY), ROOT, RESTART_LIMIT),
    ],
)
def test_the_share_of_one_target_has_a_limit(
    targets: tuple[Target, ...], name: str, allowed: int
) -> None:
    world = start_healthy_world(targets=targets)
    fail_repeatedly(world, name, RESTART_LIMIT + 2)
    assert count_restarts(world, name) == allowed


def test_replicas_have_one_share_together() -> None:
    two = {InstanceId("greedy", n): container("greedy", n) for n in (1, 2)}
    world = RuleWorld((WALLET, GREEDY), containers=two)
    world.works(ROOT, "greedy-1", "greedy-2")
    for _ in range(4):
        fail_repeatedly(world, "greedy-1", 1)
        fail_repeatedly(world, "greedy-2", 1)
    assert (
        count_restarts(world, "greedy-1") + count_restarts(world, "greedy-2")
        == TARGET_SHARE
    )


def test_the_share_is_there_again_after_an_hour() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    fail_repeatedly(world, "greedy", 7)
    world.now_s += 3600.0
    world.relist()
    world.works(ROOT, "greedy")
    fail_repeatedly(world, "greedy", 1)
    assert count_restarts(world, "greedy") == TARGET_SHARE + 1


def test_the_share_survives_a_restart_of_ours() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    fail_repeatedly(world, "greedy", 7)
    after = start_successor(world)
    fail_repeatedly(after, "greedy", 1)
    assert count_restarts(after, "greedy") == 0
    fail_repeatedly(after, ROOT, 1)
    assert count_restarts(after, ROOT) == 1


def test_the_default_lanes_of_a_target_stay_within_its_share() -> None:
    lone = replace(GREEDY, restart=RestartSettings())
    world = start_healthy_world(targets=(WALLET, lone))
    for _ in range(2 * 3600):
        world.fails("greedy", Cause.COMMAND_FAILED, 1)
        if world.is_acting("greedy"):
            world.complete_remedy("greedy", RemedyCallResult.FAILED, restart=False)
    assert (Action.PAGE, Guard.RATE_LIMIT) not in world.decision_guards("greedy")
    assert count_restarts(world, "greedy") > 6


def test_an_operators_restart_is_no_part_of_the_share() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    for _ in range(TARGET_SHARE + 1):
        world.send(RestartRequested(world.now, "greedy", now=True))
        world.complete_remedy("greedy")
        world.works("greedy")
    fail_repeatedly(world, "greedy", 1)
    assert world.acts()[-1] == ("greedy", RESTART)
    assert len(world.state.restarts) == 1


def test_a_restart_that_was_not_sent_is_returned_to_stack_and_share() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    for _ in range(TARGET_SHARE + 1):
        world.fails("greedy", Cause.COMMAND_FAILED)
        world.complete_remedy("greedy", RemedyCallResult.NOT_SENT, restart=False)
        world.works("greedy")
    assert world.state.restarts == ()
    assert world.instance("greedy").counted_mono == ()


# --- order of targets


def test_the_settings_own_target_does_not_wait_until_a_labelled_one_works() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    world.fails("greedy", Cause.COMMAND_FAILED)
    world.works(ROOT)
    world.send(Tick(world.now))
    assert world.is_acting("greedy")
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING
    world.complete_remedy("greedy")
    assert world.is_acting(ROOT)


def test_a_labelled_target_waits_until_the_settings_own_works() -> None:
    world = start_healthy_world(targets=(WALLET, GREEDY))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.fails("greedy", Cause.COMMAND_FAILED)
    assert world.last("greedy").guard is Guard.REMEDY_RUNNING


def test_a_target_of_the_settings_is_restarted_before_a_labelled_one() -> None:
    declared = replace(WALLET, name="zebra")
    world = start_healthy_world(targets=(WALLET, declared, GREEDY))
    for name in (ROOT, "greedy", "zebra"):
        world.fails(name, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), ("zebra", RESTART)]


# --- our own network


def lose_path_for(world: RuleWorld, *names: str, seconds: float) -> None:
    """All the targets are out of reach together for ``seconds``."""
    end = world.now_s + seconds
    while world.now_s < end:
        for name in names:
            world.fails(name, Cause.REFUSED, 1, path_fault=True)


def test_labelled_targets_make_our_network_suspect_for_a_limited_time() -> None:
    world = start_healthy_world(
        targets=(WALLET, replace(GREEDY, restart=RestartSettings()))
    )
    lose_path_for(world, ROOT, "greedy", seconds=290.0)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OWN_NETWORK
    lose_path_for(world, ROOT, "greedy", seconds=20.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_the_settings_own_targets_make_our_network_suspect_as_long_as_it_lasts() -> (
    None
):
    world = start_healthy_world(targets=(WALLET, OTHER_ROOT, GREEDY))
    lose_path_for(world, ROOT, "other", "greedy", seconds=900.0)
    assert world.acts() == []


def test_the_rate_limit_holds_after_ten_restarts_an_hour() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(12):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
            world.works(ROOT)
    assert len(world.acts()) == 10
    assert world.last(ROOT).guard is Guard.RATE_LIMIT


def test_restarts_by_operators_do_not_count_in_the_rate_limit() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), INDEPENDENT)
    )
    for _ in range(12):
        world.send(RestartRequested(world.now, OTHER, now=True))
        world.complete_remedy(OTHER)
        world.works(ROOT, OTHER)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts()[-1] == (ROOT, RESTART)


def test_the_rate_limit_ends_after_an_hour() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(11):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
            world.works(ROOT)
    (page,) = list_pages(world, ROOT)
    assert page.guard is Guard.RATE_LIMIT
    first = list_try_times(world, ROOT)[0]
    world.wait(first + 3599.0 - world.now_s, 30.0)
    assert len(world.acts()) == 10
    world.wait(2.0)
    assert len(world.acts()) == 11


def test_the_rate_limit_allows_a_wallet_load_and_a_restart_now() -> None:
    world = start_healthy_wallet()
    for _ in range(11):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
            world.works(ROOT)
    assert world.decision_guards(ROOT)[-1] == (Action.PAGE, Guard.RATE_LIMIT)
    act_count = len(world.acts())
    world.probe(ROOT, NO_WALLET)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.send(RestartRequested(world.now, ROOT, now=True))
    expected = [(ROOT, Action.LOAD_WALLET), (ROOT, Action.RESTART)]
    assert world.acts()[act_count:] == expected
