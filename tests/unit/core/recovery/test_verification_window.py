"""Pauses of a verification while other targets are treated."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.dependency_graph import build_graph
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.verification_pause import is_paused
from tests.support.presumed_dependencies import (
    FREE,
    OTHER,
    RECOVERY_S,
    SITE,
    WALLET,
    fail_after_restart,
)
from tests.support.rule_scenarios import LEAF, NO_WALLET, ROOT, list_remedy_outcomes
from tests.support.rule_world import RuleWorld

BROKEN = probe_failure(Cause.HTTP_5XX, text_reason("it is 5xx"))
STEP_S = 4.0


def world_with_dying_wallet() -> RuleWorld:
    """A failed restart of the service; the engine itself restarts the wallet."""
    world = fail_after_restart(LEAF, WALLET, FREE, OTHER)
    instance_id = InstanceId(ROOT, 1)
    world.containers[instance_id] = replace(
        world.containers[instance_id], restart_policy="always"
    )
    world.relist()
    return world


def run_and_die(world: RuleWorld, life_s: float, site_result: ProbeResult) -> None:
    """Play one run of a wallet daemon that dies; the service never works."""
    world.exits(ROOT, 1)
    world.wait(1.0)
    now = world.now.wall
    status = Status.RUNNING
    world.notice(ROOT, EngineEventKind.START, status=status, pid=4242, started_at=now)
    until_s = world.now_s + life_s
    while world.now_s < until_s:
        if world.instance(ROOT).loading is not None:
            world.complete_remedy(ROOT, restart=False)
        world.probe(ROOT, NO_WALLET)
        for name, outcome in ((LEAF, BROKEN), (SITE, site_result)):
            if world.is_acting(name):
                world.complete_remedy(name)
            world.probe(name, outcome)
        world.wait(STEP_S, 1.0)


def test_wallet_loads_of_a_crash_loop_do_not_block_a_third_target() -> None:
    world = world_with_dying_wallet()
    for _ in range(6):
        run_and_die(world, 45.0, probe_success())
    assert world.instance(ROOT).looping
    assert (ROOT, Action.LOAD_WALLET) in world.acts()
    for _ in range(5):
        run_and_die(world, 45.0, BROKEN)
    assert (SITE, Action.RESTART) in world.acts()


def test_endless_wallet_loads_do_not_keep_a_verification_open() -> None:
    """Each run of the daemon lasts too long for a crash loop."""
    world = world_with_dying_wallet()
    began_s = world.now_s
    while not any(name == LEAF for name, _ in list_remedy_outcomes(world)):
        run_and_die(world, 70.0, probe_success())
        assert not world.instance(ROOT).looping
        assert world.now_s - began_s < 3 * RECOVERY_S + 80.0


def world_with_two_remedies() -> RuleWorld:
    """A verified restart of the service, and a remedy of the wallet."""
    world = fail_after_restart(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    return world


def test_verification_pauses_for_a_wallet_except_loads_in_its_loop() -> None:
    world = world_with_two_remedies()
    leaf, root = world.instance(LEAF), world.instance(ROOT)
    assert root.remedy is not None
    load = replace(root.remedy.decision, action=Action.LOAD_WALLET)
    loads = replace(root, remedy=replace(root.remedy, decision=load))
    for root_now, expected in (
        (root, True),
        (replace(root, looping=True), True),
        (loads, True),
        (replace(loads, looping=True), False),
    ):
        instances = {**world.state.instances, root.id: root_now}
        state = replace(world.state, instances=build_table(instances))
        assert is_paused(state, leaf, world.now) is expected


@pytest.mark.parametrize(
    ("wallet", "service"),
    [
        (replace(WALLET, declared=False), FREE),
        (WALLET, replace(FREE, depends_on=(ROOT,))),
        (OTHER, WALLET),
    ],
)
def test_verification_pauses_only_for_a_target_it_gives_way_to(
    wallet: Target, service: Target
) -> None:
    world = world_with_two_remedies()
    targets = {ROOT: replace(wallet, name=ROOT), LEAF: replace(service, name=LEAF)}
    topology = build_graph(tuple(targets.values()))
    state = replace(world.state, targets=targets, topology=topology)
    assert is_paused(world.state, world.instance(LEAF), world.now)
    assert not is_paused(state, state.instances[InstanceId(LEAF, 1)], world.now)
