"""Several targets out of reach at once: Sidecar's own network is suspect."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.core.model.target import Target
from tests.support.rule_scenarios import (
    INDEPENDENT,
    LEAF,
    OTHER,
    RESTART,
    ROOT,
    start_healthy_world,
)
from tests.support.rule_world import SERVICE, WALLET


def test_two_targets_out_of_reach_at_once_make_our_own_network_suspect() -> None:
    other = replace(SERVICE, depends_on=("db",))
    world = start_healthy_world(
        targets=(WALLET, other, Target("db", probes=(DockerProbe(),)))
    )
    for _ in range(8):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.inspect_processes(ROOT)
        world.fails(LEAF, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.inspect_processes(LEAF)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OWN_NETWORK


def test_a_target_lost_long_ago_does_not_make_our_network_suspect() -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    for _ in range(100):
        world.fails(OTHER, Cause.DETACHED, 1, path_fault=True)
        world.works(ROOT, times=1)
    for _ in range(8):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.inspect_processes(ROOT)
    assert world.acts() == [(ROOT, RESTART)]


@pytest.mark.parametrize(("apart_s", "suspect"), [(60.0, True), (80.0, False)])
def test_targets_are_lost_together_within_a_minute_and_an_interval(
    apart_s: float, suspect: bool
) -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    world.fails(OTHER, Cause.DETACHED, 1, path_fault=True)
    world.wait(apart_s)
    for _ in range(6):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.inspect_processes(ROOT)
    assert (world.acts() == []) is suspect
