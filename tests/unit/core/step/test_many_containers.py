"""Ten thousand containers in one listing: no cost is quadratic."""

import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.config.labels.targets import MOST_TARGETS, targets_in_force
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import Container, Endpoint
from sidecar.core.model.dependency_graph import (
    all_dependencies,
    build_graph,
    find_cycle,
    sort_by_dependency,
)
from sidecar.core.model.event import ContainersListed, EngineReachabilityChanged
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_unknown
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.assignment import assign
from sidecar.core.status.network_reach import find_surroundings
from sidecar.core.step.step import run_step
from tests.support.config_files import load_text
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

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
    assert "more than 10,000 targets" in fault.line


def count_calls(work: Callable[[], object]) -> int:
    """Number of calls of functions, and of resumed generators, in ``work``."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def named_as_containers(count: int, folder: Path) -> Settings:
    """Settings with targets whose names are those of containers, not of services."""
    targets = {f"demo-s{n}-1": {"probe": {"type": "running"}} for n in range(count)}
    return load_text(json.dumps({"stack": "demo", "targets": targets}), folder)


def pairs_in_a_circle(count: int) -> tuple[Container, ...]:
    """Containers whose labels make each one depend on its neighbour, and back."""
    return tuple(
        replace(each, labels={**WATCHED, "sidecar.depends_on": f"s{n ^ 1}"})
        for n, each in enumerate(containers(count, {}))
    )


def count_declared(folder: Path, count: int) -> int:
    settings, many = named_as_containers(count, folder), containers(count, {})
    return count_calls(lambda: targets_in_force(settings, many))


def count_circles(folder: Path, count: int) -> int:
    settings, many = load_text("stack: demo", folder), pairs_in_a_circle(count)
    return count_calls(lambda: targets_in_force(settings, many))


@pytest.mark.parametrize("count_for", [count_declared, count_circles])
def test_targets_in_force_twice_as_many_containers_take_twice_the_calls(
    count_for: Callable[[Path, int], int], tmp_path: Path
) -> None:
    first = count_for(tmp_path, 20)  # what is worked out once, such as the schema
    assert first
    assert count_for(tmp_path, 400) < 2.2 * count_for(tmp_path, 200)


def test_listing_keeps_instances_that_run_as_before() -> None:
    many, targets = containers(20, {}), tuple(Target(f"s{n}") for n in range(20))
    roster = assign(targets, many)
    state = run_step(State(started=AT), ContainersListed(AT, targets, roster)).state
    later = Moment(AT.mono + 30.0, AT.wall + 30.0)
    again = run_step(state, ContainersListed(later, targets, roster)).state
    settled = run_step(again, ContainersListed(later, targets, roster)).state
    assert all(settled.instances[i] is again.instances[i] for i in again.instances)


def test_listing_looks_at_what_may_have_changed() -> None:
    world = RuleWorld(targets=tuple(Target(f"s{n}") for n in range(40)))
    for n in range(40):
        world.works(f"s{n}")
    world.relist()
    first, second, third = (InstanceId(f"s{n}", 1) for n in range(3))
    box = world.containers[first]
    world.containers[first] = replace(box, started_at=box.started_at + 1.0)
    world.fails("s1", Cause.REFUSED, 1)
    targets = list(world.targets)
    targets[2] = replace(targets[2], settle_s=targets[2].settle_s + 1.0)
    roster = tuple(world.containers.items())
    listing = ContainersListed(world.now, tuple(targets), roster)
    result = run_step(world.state, listing)
    assert set(result.touched) == {first, second, third}
    others = result.state.instances.keys() - {first}
    assert all(result.state.instances[i] is world.state.instances[i] for i in others)


def test_listing_ends_an_incident_whose_last_failing_target_has_gone() -> None:
    world = RuleWorld((WALLET, SERVICE), lists=False)
    world.works(WALLET.name, SERVICE.name)
    world.exits(WALLET.name)
    world.fails(SERVICE.name, Cause.REFUSED)
    world.complete_remedy(WALLET.name)
    world.works(WALLET.name, times=3)
    root, dependent = world.instance(WALLET.name), world.instance(SERVICE.name)
    assert root.incident is not None
    assert root.incident == dependent.incident
    world.targets = (WALLET,)
    del world.containers[dependent.id]
    world.relist()
    assert not world.state.incidents[root.incident].open


def test_unknown_results_count_by_time_without_another_probe() -> None:
    world = RuleWorld()
    world.works(WALLET.name)
    world.probe(WALLET.name, probe_unknown(Cause.PROBER_FAILED, text_reason("x")))
    world.wait(CAUSES[Cause.PROBER_FAILED].grace_s + 1.0)
    assert world.instance(WALLET.name).state is TargetState.UNKNOWN


def test_listing_looks_at_instances_in_their_order() -> None:
    world = RuleWorld((WALLET, replace(WALLET, name="b")))
    world.works(WALLET.name, "b")
    first, second = (i.id for i in world.state.instances.values())
    world.fails(first.target, Cause.REFUSED, 1)
    world.containers[second] = replace(world.containers[second], started_at=1.0)
    listing = ContainersListed(
        world.now, world.targets, tuple(world.containers.items())
    )
    assert run_step(world.state, listing).touched == (first, second)


def test_run_begins_after_the_last_listing_that_showed_the_one_before() -> None:
    """The engine's clock is an hour behind: the age of the run is not known by it."""
    (only,), target = containers(1, {}), Target("s0")
    state = State(started=AT)
    moments = [Moment(AT.mono + s, AT.wall + s) for s in (0.0, 30.0, 60.0, 90.0)]
    for at in moments[:3]:
        listing = ContainersListed(at, (target,), assign((target,), (only,)))
        state = run_step(state, listing).state
    new = replace(only, id="new", started_at=AT.wall - 3600.0)
    listing = ContainersListed(moments[3], (target,), assign((target,), (new,)))
    (instance,) = run_step(state, listing).state.instances.values()
    assert instance.run_mono == moments[2].mono


def test_presumed_dependencies_are_two_lists_that_targets_share() -> None:
    wallets = [replace(WALLET, name=f"w{n}") for n in range(3)]
    others = [Target(f"s{n}") for n in range(4)]
    presumed = build_graph([*wallets, *others]).presumed
    assert presumed["s0"] == ("w0", "w1", "w2")
    assert all(presumed[other.name] is presumed["s0"] for other in others)


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
