"""A wallet that could not be loaded: tried often at first, and soon after a change."""

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
from tests.support.rule_world import WALLET, RuleWorld, container
from tests.unit.core.incidents.test_recipients import Told

ROOT = WALLET.name
WHO = InstanceId(ROOT, 1)
FACTS = WalletFacts(connected=True, loaded=False, paths=())
NO_FILE = "the wallet /w was not loaded"


def lacking(*paths: str) -> ProbeResult:
    """The daemon answers, and has these wallets alone."""
    found = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("no wallet is loaded"), rpc_answers=True
    )
    return replace(found, wallet=replace(FACTS, paths=paths))


def failed(world: RuleWorld, reason: str = NO_FILE) -> None:
    """The load that is under way fails."""
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False, reason=reason)


def goes_on(
    world: RuleWorld,
    seconds: float,
    *,
    took_s: float = 0.01,
    reason: str = NO_FILE,
    found: ProbeResult | None = None,
) -> None:
    """It stays without its wallet for so long; each load fails after ``took_s``."""
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(ROOT, found or lacking())
        for _ in range(4):
            if world.instance(ROOT).loading is not None:
                world.now_s += took_s
                failed(world, reason)
            world.wait(0.5)


def loads(world: RuleWorld) -> list[float]:
    return [d.at.mono for d in world.decisions if d.action is Action.LOAD_WALLET]


def a_world(target: Target = WALLET) -> RuleWorld:
    world = RuleWorld((target,))
    world.works(ROOT)
    return world


def test_it_is_tried_at_least_every_minute_for_ten_minutes_and_then_rarely() -> None:
    world = a_world()
    began = world.now_s
    goes_on(world, 3600.0)
    often = [at - began for at in loads(world) if at - began <= 600.0]
    gaps = [b - a for a, b in itertools.pairwise(often)]
    assert often[0] < 1.0
    assert max(gaps) <= 60.0
    assert 600.0 - often[-1] <= 60.0
    assert gaps[0] < 20.0
    assert len(often) < 15
    rarely = [at - began for at in loads(world) if at - began > 660.0]
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
def test_it_takes_no_more_of_the_daemons_thread_than_is_its_share(
    tries: int, cost_s: float, least_s: float, most_s: float
) -> None:
    """What the first seem to cost may have been waiting; what each costs is a cost."""
    lane = Lane(spent=(7.0,) * tries)
    after = note_failed_load(lane, RestartSettings(), WHO, 7.0, cost_s)
    assert after.name is LaneName.FAST
    assert least_s - 0.001 <= after.not_before - 7.0 <= most_s + 0.001


def test_what_a_probe_takes_as_well_is_no_cost_of_the_load() -> None:
    """Here all is slow: the engine, the host, the way to the daemon."""
    world = a_world()
    until = world.now_s + 300.0
    while world.now_s < until:
        world.probe(ROOT, lacking(), took_s=0.5)
        if world.instance(ROOT).loading is not None:
            world.now_s += 0.5
            failed(world)
        world.now_s += 1.5
    assert max(b - a for a, b in itertools.pairwise(loads(world))) <= 60.0


def test_a_load_that_waited_in_a_busy_daemon_did_not_cost_what_it_took() -> None:
    world = a_world()
    busy = replace(lacking(), waited_s=25.0)
    goes_on(world, 300.0, found=busy, took_s=2.0)
    assert max(b - a for a, b in itertools.pairwise(loads(world))) <= 60.0
    free = a_world()
    goes_on(free, 300.0, took_s=2.0)
    assert max(b - a for a, b in itertools.pairwise(loads(free))) > 80.0


def slow() -> RuleWorld:
    """Ten minutes of loads that fail are over, and some of the next wait."""
    world = a_world()
    goes_on(world, 750.0)
    assert world.instance(ROOT).load_lane.name is LaneName.SLOW
    assert world.last(ROOT).guard is Guard.BUDGET
    return world


def starts_anew(world: RuleWorld) -> None:
    world.containers[WHO] = container(ROOT, started_at=world.now.wall)
    world.relist()
    world.probe(ROOT, lacking())


def has_another_wallet(world: RuleWorld) -> None:
    world.probe(ROOT, lacking("/other"))


def has_another_password(world: RuleWorld) -> None:
    assert WALLET.wallet is not None
    probe = replace(WALLET.wallet, wallet_password="right")
    world.targets = (replace(WALLET, probes=(probe,)),)
    world.relist()


@pytest.mark.parametrize(
    "change", [starts_anew, has_another_wallet, has_another_password]
)
def test_what_may_have_put_it_right_is_followed_by_a_load_at_once(
    change: Callable[[RuleWorld], None],
) -> None:
    world = slow()
    before = len(loads(world))
    change(world)
    assert len(loads(world)) == before + 1
    failed(world)
    goes_on(world, 300.0)
    again = loads(world)[before:]
    assert max(b - a for a, b in itertools.pairwise(again)) <= 60.0
    assert len(again) >= 5


def test_another_reason_why_it_fails_is_a_change_too() -> None:
    world = slow()
    goes_on(world, 600.0)
    before = len(loads(world))
    goes_on(world, 1500.0, reason="the password is wrong")
    after = loads(world)[before:]
    assert min(b - a for a, b in itertools.pairwise(after)) < 15.0
    assert len(after) >= 10


def test_what_our_own_load_left_is_no_change() -> None:
    """Else a load that opens one wallet of two would be repeated at every probe."""
    world = a_world()
    world.probe(ROOT, lacking())
    failed(world)
    world.probe(ROOT, lacking("/one"))
    assert len(loads(world)) == 1


def test_other_settings_of_another_kind_are_no_change() -> None:
    world = slow()
    before = len(loads(world))
    world.targets = (replace(WALLET, cadence=ProbeSchedule(interval_s=20.0)),)
    world.relist()
    world.wait(2.0)
    assert len(loads(world)) == before


def test_that_loads_go_on_failing_is_told_once() -> None:
    """A load of which the daemon says that it worked, and which did not."""
    told = Told(("ops",))
    world = told.world
    world.fails(ROOT, Cause.WALLET_NOT_LOADED)
    until = world.now_s + 600.0
    while world.now_s < until:
        world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
        if world.instance(ROOT).loading is not None:
            world.acted(ROOT, restart=False)
        told.turn()
    assert sum(isinstance(t, RemedyEnded) for t in world.transitions) > 1
    kinds = [m.kind for m in told.messages]
    assert kinds.count(MessageKind.ACTION_FAILED) == 1
    assert len(loads(world)) > 3
