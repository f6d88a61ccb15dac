"""Retries of a failed wallet load: often at first, and soon after a change."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.message import MessageKind
from sidecar.core.model.probe_result import ProbeResult, WalletFacts, probe_failure
from sidecar.core.model.target import InstanceId, ProbeSchedule, RestartSettings, Target
from sidecar.core.model.transition import RemedyEnded
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.retry_budget import note_failed_load
from tests.support.notification_recipients import Notifier
from tests.support.rule_world import WALLET, RuleWorld, container

ROOT = WALLET.name
INSTANCE_ID = InstanceId(ROOT, 1)
FACTS = WalletFacts(connected=True, loaded=False, paths=())
NO_FILE = "the wallet /w was not loaded"


def result_with_only(*paths: str) -> ProbeResult:
    """A result of a daemon that answers and has only these wallets."""
    result = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("no wallet is loaded"), rpc_answers=True
    )
    return replace(result, wallet=replace(FACTS, paths=paths))


def fail_load(world: RuleWorld, reason: str = NO_FILE) -> None:
    """Let the load that is under way fail."""
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False, reason=reason)


def continue_without_wallet(
    world: RuleWorld,
    seconds: float,
    *,
    took_s: float = 0.01,
    reason: str = NO_FILE,
    result: ProbeResult | None = None,
) -> None:
    """Play this time without the wallet; each load fails after ``took_s``."""
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(ROOT, result or result_with_only())
        for _ in range(4):
            if world.instance(ROOT).loading is not None:
                world.now_s += took_s
                fail_load(world, reason)
            world.wait(0.5)


def load_times(world: RuleWorld) -> list[float]:
    return [d.at.mono for d in world.decisions if d.action is Action.LOAD_WALLET]


def healthy_world(target: Target = WALLET) -> RuleWorld:
    world = RuleWorld((target,))
    world.works(ROOT)
    return world


def test_load_is_retried_every_minute_for_ten_minutes_and_then_rarely() -> None:
    world = healthy_world()
    began = world.now_s
    continue_without_wallet(world, 3600.0)
    often = [at - began for at in load_times(world) if at - began <= 600.0]
    gaps = [b - a for a, b in itertools.pairwise(often)]
    assert often[0] < 1.0
    assert max(gaps) <= 60.0
    assert 600.0 - often[-1] <= 60.0
    assert gaps[0] < 20.0
    assert len(often) < 15
    rarely = [at - began for at in load_times(world) if at - began > 660.0]
    assert [round(b - a, -2) for a, b in itertools.pairwise(rarely)] == [1200.0]
    assert world.last(ROOT).guard is Guard.BUDGET
    assert {action for _, action in world.acts()} == {Action.LOAD_WALLET}


@pytest.mark.parametrize(
    ("tries", "cost_s", "least_s", "most_s"),
    [
        (1, 0.0, 10.0, 12.0),
        (1, 5.0, 10.0, 12.0),
        (4, 0.0, 55.0, 55.0),
        (4, 0.05, 55.0, 55.0),
        (4, 0.07, 70.0, 70.0),
        (4, 5.0, 80.0, 80.0),
        (7, 0.3, 300.0, 300.0),
        (7, 5.0, 600.0, 600.0),
        (90, 5.0, 600.0, 600.0),
    ],
)
def test_load_backoff_limits_its_share_of_the_daemon_thread(
    tries: int, cost_s: float, least_s: float, most_s: float
) -> None:
    """The first loads may only have waited; a repeated duration is a cost."""
    lane = Lane(spent=(7.0,) * tries)
    after = note_failed_load(lane, RestartSettings(), INSTANCE_ID, 7.0, cost_s)
    assert after.name is LaneName.FAST
    assert least_s - 0.001 <= after.not_before - 7.0 <= most_s + 0.001


def test_slowness_that_probes_share_is_no_cost_of_the_load() -> None:
    """Everything is slow here: the engine, the host, the network."""
    world = healthy_world()
    until = world.now_s + 300.0
    while world.now_s < until:
        world.probe(ROOT, result_with_only(), took_s=0.5)
        if world.instance(ROOT).loading is not None:
            world.now_s += 0.5
            fail_load(world)
        world.now_s += 1.5
    assert max(b - a for a, b in itertools.pairwise(load_times(world))) <= 60.0


def test_wait_in_a_busy_daemon_is_no_cost_of_the_load() -> None:
    world = healthy_world()
    busy = replace(result_with_only(), waited_s=25.0)
    continue_without_wallet(world, 300.0, result=busy, took_s=2.0)
    assert max(b - a for a, b in itertools.pairwise(load_times(world))) <= 60.0
    free = healthy_world()
    continue_without_wallet(free, 300.0, took_s=2.0)
    assert max(b - a for a, b in itertools.pairwise(load_times(free))) > 80.0


def slow_lane_world() -> RuleWorld:
    """A world after ten minutes of failed loads, within the next wait."""
    world = healthy_world()
    continue_without_wallet(world, 750.0)
    assert world.instance(ROOT).load_lane.name is LaneName.SLOW
    assert world.last(ROOT).guard is Guard.BUDGET
    return world


def restart_container(world: RuleWorld) -> None:
    world.containers[INSTANCE_ID] = container(ROOT, started_at=world.now.wall)
    world.relist()
    world.probe(ROOT, result_with_only())


def change_wallets(world: RuleWorld) -> None:
    world.probe(ROOT, result_with_only("/other"))


def change_password(world: RuleWorld) -> None:
    assert WALLET.wallet is not None
    probe = replace(WALLET.wallet, wallet_password="right")
    world.targets = (replace(WALLET, probes=(probe,)),)
    world.relist()


@pytest.mark.parametrize("change", [restart_container, change_wallets, change_password])
def test_possible_repair_is_followed_by_a_load_at_once(
    change: Callable[[RuleWorld], None],
) -> None:
    world = slow_lane_world()
    before = len(load_times(world))
    change(world)
    assert len(load_times(world)) == before + 1
    fail_load(world)
    continue_without_wallet(world, 300.0)
    again = load_times(world)[before:]
    assert max(b - a for a, b in itertools.pairwise(again)) <= 60.0
    assert len(again) >= 5


def test_new_reason_of_a_load_failure_is_a_change() -> None:
    world = slow_lane_world()
    continue_without_wallet(world, 600.0)
    before = len(load_times(world))
    continue_without_wallet(world, 1500.0, reason="the password is wrong")
    after = load_times(world)[before:]
    assert min(b - a for a, b in itertools.pairwise(after)) < 15.0
    assert len(after) >= 10


def test_result_of_our_own_load_is_no_change() -> None:
    """Otherwise a load of one wallet of two would be repeated at every probe."""
    world = healthy_world()
    world.probe(ROOT, result_with_only())
    fail_load(world)
    world.probe(ROOT, result_with_only("/one"))
    assert len(load_times(world)) == 1


def test_unrelated_settings_are_no_change() -> None:
    world = slow_lane_world()
    before = len(load_times(world))
    world.targets = (replace(WALLET, cadence=ProbeSchedule(interval_s=20.0)),)
    world.relist()
    world.wait(2.0)
    assert len(load_times(world)) == before


def test_repeated_load_failures_send_one_message() -> None:
    """The daemon reports success of a load that did not work."""
    notifier = Notifier(("ops",))
    world = notifier.world
    world.fails(ROOT, Cause.WALLET_NOT_LOADED)
    until = world.now_s + 600.0
    while world.now_s < until:
        world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
        if world.instance(ROOT).loading is not None:
            world.complete_remedy(ROOT, restart=False)
        notifier.new_messages()
    assert sum(isinstance(t, RemedyEnded) for t in world.transitions) > 1
    kinds = [m.kind for m in notifier.messages]
    assert kinds.count(MessageKind.ACTION_FAILED) == 1
    assert len(load_times(world)) > 3
