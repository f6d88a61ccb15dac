"""How long a verification is kept open for what others do meanwhile."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.dependency_graph import build_graph
from sidecar.core.model.event import EngineEventKind
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.verification_pause import is_paused
from tests.support.rule_world import RuleWorld
from tests.unit.core.policy.test_dependency_order import (
    FREE,
    LEAF,
    NO_WALLET,
    OTHER,
    RECOVERY_S,
    ROOT,
    SITE,
    WALLET,
    ends,
    in_vain,
)

BROKEN = probe_failure(Cause.HTTP_5XX, text_reason("it is 5xx"))
STEP_S = 4.0


def a_dying_wallet() -> RuleWorld:
    """The service was restarted in vain; the engine restarts the wallet itself."""
    world = in_vain(LEAF, WALLET, FREE, OTHER)
    who = InstanceId(ROOT, 1)
    world.containers[who] = replace(world.containers[who], restart_policy="always")
    world.relist()
    return world


def live_and_die(world: RuleWorld, life_s: float, site: ProbeResult) -> None:
    """One run of a wallet daemon that dies and is loaded; the service never works."""
    world.exits(ROOT, 1)
    world.wait(1.0)
    now = world.now.wall
    status = Status.RUNNING
    world.notice(ROOT, EngineEventKind.START, status=status, pid=4242, started_at=now)
    until_s = world.now_s + life_s
    while world.now_s < until_s:
        if world.instance(ROOT).loading is not None:
            world.acted(ROOT, restart=False)
        world.probe(ROOT, NO_WALLET)
        for name, outcome in ((LEAF, BROKEN), (SITE, site)):
            if world.is_acting(name):
                world.acted(name)
            world.probe(name, outcome)
        world.wait(STEP_S, 1.0)


def test_the_loads_of_a_crash_loop_keep_no_third_one_waiting() -> None:
    world = a_dying_wallet()
    for _ in range(6):
        live_and_die(world, 45.0, probe_success())
    assert world.instance(ROOT).looping
    assert (ROOT, Action.LOAD_WALLET) in world.acts()
    for _ in range(5):
        live_and_die(world, 45.0, BROKEN)
    assert (SITE, Action.RESTART) in world.acts()


def test_loads_without_end_do_not_keep_a_verification_open_without_end() -> None:
    """Each run of the daemon lasts too long for a crash loop."""
    world = a_dying_wallet()
    began_s = world.now_s
    while not any(name == LEAF for name, _ in ends(world)):
        live_and_die(world, 70.0, probe_success())
        assert not world.instance(ROOT).looping
        assert world.now_s - began_s < 3 * RECOVERY_S + 80.0


def both_treated() -> RuleWorld:
    """The service is verified, and gave way to the wallet, which is treated."""
    world = in_vain(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    return world


def test_the_clock_stands_for_a_wallet_but_not_for_the_loads_of_its_loop() -> None:
    world = both_treated()
    leaf, root = world.instance(LEAF), world.instance(ROOT)
    assert root.remedy is not None
    load = replace(root.remedy.decision, action=Action.LOAD_WALLET)
    loads = replace(root, remedy=replace(root.remedy, decision=load))
    for treated, halted in (
        (root, True),
        (replace(root, looping=True), True),
        (loads, True),
        (replace(loads, looping=True), False),
    ):
        instances = {**world.state.instances, root.id: treated}
        state = replace(world.state, instances=instances)
        assert is_paused(state, leaf, world.now) is halted


@pytest.mark.parametrize(
    ("wallet", "service"),
    [
        (replace(WALLET, declared=False), FREE),
        (WALLET, replace(FREE, depends_on=(ROOT,))),
        (OTHER, WALLET),
    ],
)
def test_the_clock_stands_for_nothing_that_it_would_not_give_way_to(
    wallet: Target, service: Target
) -> None:
    world = both_treated()
    targets = {ROOT: replace(wallet, name=ROOT), LEAF: replace(service, name=LEAF)}
    topology = build_graph(tuple(targets.values()))
    state = replace(world.state, targets=targets, topology=topology)
    assert is_paused(world.state, world.instance(LEAF), world.now)
    assert not is_paused(state, state.instances[InstanceId(LEAF, 1)], world.now)
