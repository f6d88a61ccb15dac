"""Ten thousand containers in one listing: no cost is quadratic."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from sidecar.config.labels.targets import MOST_TARGETS, targets_in_force
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container, Endpoint
from sidecar.core.model.dependency_graph import (
    all_dependencies,
    find_cycle,
    sort_by_dependency,
)
from sidecar.core.model.event import ContainersListed, EngineReachabilityChanged
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.status.assignment import assign
from sidecar.core.status.network_reach import find_surroundings
from sidecar.core.step.step import run_step
from tests.support.config_files import load_text
from tests.support.rule_world import container

MANY = 10_000
LOOP_S = 0.2
SHARED = (Endpoint("demo_default", names=frozenset({"app"})),)
"""A name on the network that all of them have."""
AT = Moment(1.0, 1e9)
WATCHED = {"sidecar.enable": "true", "sidecar.probe.type": "docker"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_text("stack: demo", tmp_path)


def containers(count: int, labels: Mapping[str, str]) -> tuple[Container, ...]:
    return tuple(
        container(
            f"s{n}", id=f"c{n}", name=f"demo-s{n}-1", labels=labels, endpoints=SHARED
        )
        for n in range(count)
    )


def test_unwatched_containers_take_little_time_of_the_loop(
    settings: Settings,
) -> None:
    many = containers(MANY, {})
    targets, faults = targets_in_force(settings, many)
    state = run_step(
        State(started=AT), EngineReachabilityChanged(AT, reachable=True)
    ).state
    began = time.process_time()
    roster = assign(targets, many)
    run_step(state, ContainersListed(AT, targets, roster))
    find_surroundings(None, many)
    took_s = time.process_time() - began
    sys.stdout.write(f"{MANY} containers hold up the loop for {took_s * 1e3:.0f} ms\n")
    assert (targets, faults) == ((), ())
    # Other processes may use this machine; quadratic time would be minutes.
    assert took_s < 5 * LOOP_S


def test_labels_add_at_most_the_target_limit_with_one_fault(
    settings: Settings,
) -> None:
    targets, faults = targets_in_force(settings, containers(MOST_TARGETS + 50, WATCHED))
    assert len(targets) == MOST_TARGETS
    (fault,) = faults
    assert "more than 1000 targets" in fault.line


@pytest.mark.parametrize("length", [1500, 20_000])
def test_dependency_chain_of_any_length_is_walked(length: int) -> None:
    needs = {f"t{n}": (f"t{n + 1}",) for n in range(length)} | {f"t{length}": ()}
    assert find_cycle(needs) == ()
    assert sort_by_dependency(needs)[0] == f"t{length}"
    assert len(all_dependencies(needs, "t0")) == length
    circle = {**needs, f"t{length}": ("t0",)}
    assert len(find_cycle(circle)) == length + 2


def test_branches_that_meet_again_are_walked_once() -> None:
    """Each step has two ways: walked one by one they are 2**200."""
    needs: dict[str, tuple[str, ...]] = {"a200": (), "b200": ()}
    for n in range(200):
        for side in "ab":
            needs[f"{side}{n}"] = (f"a{n + 1}", f"b{n + 1}")
    assert len(all_dependencies(needs, "a0")) == 400
    assert find_cycle(needs) == ()
