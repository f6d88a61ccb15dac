"""The storm brake: nobody uses up what the roots of the settings may need."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import ExecProbe
from sidecar.core.model.target import InstanceId, RestartSettings, Target
from sidecar.core.recovery.restart_rate import RESTART_LIMIT, ROOT_RESERVE, SHARE
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container
from tests.unit.core.policy.test_decide import LEAF, RESTART, ROOT, calm
from tests.unit.core.recovery.test_takeover import killed_and_succeeded

GREEDY = Target(
    "greedy",
    probes=(ExecProbe(("false",)),),
    restart=RestartSettings(budget=12, backoff_s=0.1, window_s=3600.0),
    declared=False,
)
SECOND = replace(GREEDY, name="second")
OTHER_ROOT = replace(WALLET, name="other")


def flaps(world: RuleWorld, name: str, times: int) -> None:
    """It fails and, restarted, works again; so often that only the brake ends it."""
    others = [i.name for i in world.state.instances.values() if i.name != name]
    for _ in range(times):
        world.fails(name, Cause.REFUSED, 1)
        world.works(*others, times=1)
        world.fails(name, Cause.REFUSED, 2)
        if world.is_acting(name):
            world.acted(name)
            world.works(name)
        else:
            world.works(name)


def restarts(world: RuleWorld, name: str) -> int:
    return world.acts().count((name, RESTART))


def test_a_labelled_target_uses_up_its_share_and_the_wallet_is_restarted() -> None:
    world = calm(targets=(WALLET, SERVICE, GREEDY))
    flaps(world, "greedy", 12)
    assert restarts(world, "greedy") == SHARE
    assert world.last("greedy").guard is Guard.RATE_LIMIT
    flaps(world, ROOT, 1)
    assert restarts(world, ROOT) == 1


def test_a_labelled_target_that_never_works_uses_up_no_more_than_its_share() -> None:
    world = calm(targets=(WALLET, GREEDY))
    for _ in range(300):
        world.fails("greedy", Cause.COMMAND_FAILED, 1)
        if world.is_acting("greedy"):
            world.acted("greedy", RemedyCallResult.FAILED, restart=False)
    assert restarts(world, "greedy") == SHARE
    assert len(world.state.restarts) == SHARE


def test_many_labelled_targets_leave_the_reserve_to_the_root() -> None:
    world = calm(targets=(WALLET, SERVICE, GREEDY, SECOND))
    flaps(world, "greedy", 7)
    flaps(world, "second", 7)
    assert restarts(world, "greedy") + restarts(world, "second") == (
        RESTART_LIMIT - ROOT_RESERVE
    )
    flaps(world, LEAF, 1)
    assert (Action.PAGE, Guard.RATE_LIMIT) in world.said(LEAF)
    assert "kept for its roots" in str(world.last(LEAF).reason)
    flaps(world, ROOT, ROOT_RESERVE + 1)
    assert restarts(world, ROOT) == ROOT_RESERVE
    assert "10 restarts in this stack within the hour" in str(world.last(ROOT).reason)


@pytest.mark.parametrize(
    ("targets", "name", "allowed"),
    [
        ((WALLET,), ROOT, RESTART_LIMIT),
        ((WALLET, SERVICE), ROOT, RESTART_LIMIT),
        ((WALLET, GREEDY), ROOT, RESTART_LIMIT),
        ((WALLET, OTHER_ROOT), ROOT, RESTART_LIMIT - ROOT_RESERVE),
        ((WALLET, SERVICE), LEAF, SHARE),
        ((GREEDY,), "greedy", SHARE),
        ((GREEDY, SECOND), "greedy", SHARE),
        # What needs only what labels made is a root of the settings.
        ((replace(WALLET, depends_on=("greedy",)), GREEDY), ROOT, RESTART_LIMIT),
    ],
)
def test_what_one_target_may_use_up(
    targets: tuple[Target, ...], name: str, allowed: int
) -> None:
    world = calm(targets=targets)
    flaps(world, name, RESTART_LIMIT + 2)
    assert restarts(world, name) == allowed


def test_replicas_have_one_share_together() -> None:
    two = {InstanceId("greedy", n): container("greedy", n) for n in (1, 2)}
    world = RuleWorld((WALLET, GREEDY), containers=two)
    world.works(ROOT, "greedy-1", "greedy-2")
    for _ in range(4):
        flaps(world, "greedy-1", 1)
        flaps(world, "greedy-2", 1)
    assert restarts(world, "greedy-1") + restarts(world, "greedy-2") == SHARE


def test_the_share_is_there_again_after_an_hour() -> None:
    world = calm(targets=(WALLET, GREEDY))
    flaps(world, "greedy", 7)
    world.now_s += 3600.0
    world.relist()
    world.works(ROOT, "greedy")
    flaps(world, "greedy", 1)
    assert restarts(world, "greedy") == SHARE + 1


def test_the_share_survives_a_restart_of_ours() -> None:
    world = calm(targets=(WALLET, GREEDY))
    flaps(world, "greedy", 7)
    after = killed_and_succeeded(world)
    flaps(after, "greedy", 1)
    assert restarts(after, "greedy") == 0
    flaps(after, ROOT, 1)
    assert restarts(after, ROOT) == 1


def test_the_default_lanes_of_a_target_stay_within_its_share() -> None:
    lone = replace(GREEDY, restart=RestartSettings())
    world = calm(targets=(WALLET, lone))
    for _ in range(2 * 3600):
        world.fails("greedy", Cause.COMMAND_FAILED, 1)
        if world.is_acting("greedy"):
            world.acted("greedy", RemedyCallResult.FAILED, restart=False)
    assert (Action.PAGE, Guard.RATE_LIMIT) not in world.said("greedy")
    assert restarts(world, "greedy") > 6


def test_a_restart_that_was_asked_for_is_no_part_of_the_share() -> None:
    world = calm(targets=(WALLET, GREEDY))
    for _ in range(SHARE + 1):
        world.send(RestartRequested(world.now, "greedy", now=True))
        world.acted("greedy")
        world.works("greedy")
    flaps(world, "greedy", 1)
    assert world.acts()[-1] == ("greedy", RESTART)
    assert len(world.state.restarts) == 1


def test_what_was_never_sent_is_given_back_to_stack_and_share() -> None:
    world = calm(targets=(WALLET, GREEDY))
    for _ in range(SHARE + 1):
        world.fails("greedy", Cause.COMMAND_FAILED)
        world.acted("greedy", RemedyCallResult.NOT_SENT, restart=False)
        world.works("greedy")
    assert world.state.restarts == ()
    assert world.instance("greedy").counted_mono == ()


# --- who goes first


def test_the_settings_own_target_does_not_wait_until_a_labelled_one_works() -> None:
    world = calm(targets=(WALLET, GREEDY))
    world.fails("greedy", Cause.COMMAND_FAILED)
    world.works(ROOT)
    world.fails("greedy", Cause.COMMAND_FAILED, 1)
    assert world.is_acting("greedy")
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING
    world.acted("greedy")
    assert world.is_acting(ROOT)


def test_a_labelled_target_waits_until_the_settings_own_works() -> None:
    world = calm(targets=(WALLET, GREEDY))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.fails("greedy", Cause.COMMAND_FAILED)
    assert world.last("greedy").guard is Guard.REMEDY_RUNNING


def test_of_two_that_wait_the_settings_own_goes_first() -> None:
    declared = replace(WALLET, name="zebra")
    world = calm(targets=(WALLET, declared, GREEDY))
    for name in (ROOT, "greedy", "zebra"):
        world.fails(name, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), ("zebra", RESTART)]


# --- our own network


def lost(world: RuleWorld, *names: str, seconds: float) -> None:
    """All of them out of reach at once, for so long."""
    end = world.now_s + seconds
    while world.now_s < end:
        for name in names:
            world.fails(name, Cause.REFUSED, 1, path_fault=True)


def test_labelled_targets_make_our_network_suspect_for_a_while_only() -> None:
    world = calm(targets=(WALLET, replace(GREEDY, restart=RestartSettings())))
    lost(world, ROOT, "greedy", seconds=290.0)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OWN_NETWORK
    lost(world, ROOT, "greedy", seconds=20.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_the_settings_own_targets_make_our_network_suspect_as_long_as_it_lasts() -> (
    None
):
    world = calm(targets=(WALLET, OTHER_ROOT, GREEDY))
    lost(world, ROOT, "other", "greedy", seconds=900.0)
    assert world.acts() == []
