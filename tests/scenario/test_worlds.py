"""Random worlds in virtual time: the invariants hold, whatever happens.

SIDECAR_TEST_DAYS is the number of simulated days (10,000), SIDECAR_TEST_SEED varies
the worlds. A group of days is reproducible: its seed contains the test's parameter.
SIDECAR_TEST_FLEET is the number of targets of the fleet (300).
"""

import os
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sidecar.core.model.guard import Guard
from sidecar.core.model.message import MessageKind
from sidecar.core.model.target_state import TargetState
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from tests.support.random_worlds import WorldMaker, make_fleet
from tests.support.world_watch import watch_world

DAYS = int(os.environ.get("SIDECAR_TEST_DAYS", "10000"))
DAYS_PER_WORLD = 250
DAYS_PER_FAULT = 120.0
FLEET = int(os.environ.get("SIDECAR_TEST_FLEET", "300"))
SEED = os.environ.get("SIDECAR_TEST_SEED", "night")

CURE_S = 420.0
"""Detection, the last chance to answer, the stop, the start, and the proof."""

SEEDS = st.integers(0, 2**32 - 1)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller seed is no smaller world."""


@settings(max_examples=5, phases=PHASES)
@given(SEEDS)
def test_invariants_hold_in_any_world(seed: int) -> None:
    watch_world(WorldMaker(Random(seed)).make_world())


@settings(max_examples=2, phases=PHASES)
@given(SEEDS)
def test_what_happens_is_the_same_where_quiet_time_is_left_out(seed: int) -> None:
    world = WorldMaker(Random(seed)).make_world()
    skipping, short = watch_world(world)
    complete, whole = watch_world(world, skips_quiet_time=False)
    assert skipping.record.facts == complete.record.facts
    assert short.messages == whole.messages
    assert short.state == whole.state


@settings(max_examples=5, phases=PHASES)
@given(SEEDS)
def test_failure_with_a_cure_ends_within_seven_minutes(seed: int) -> None:
    world = WorldMaker(Random(seed)).make_curable()
    result, _ = watch_world(world)
    assert {i.state for i in result.instances} == {TargetState.HEALTHY}
    for instance in result.instances:
        unavailable_s = result.record.unavailable_s(instance.name, 1800.0)
        assert unavailable_s <= CURE_S, instance.name


@pytest.mark.parametrize("number", range(max(1, DAYS // DAYS_PER_WORLD)))
def test_world_whose_faults_end_is_healthy_after_many_days(number: int) -> None:
    maker = WorldMaker(Random(f"{SEED}-{number}"))
    world = maker.make_days(DAYS_PER_WORLD, DAYS_PER_FAULT)
    result, watch = watch_world(world)
    assert {i.state for i in result.instances} == {TargetState.HEALTHY}
    assert watch.state is not None
    assert not any(incident.open for incident in watch.state.incidents.values())


def test_restarts_of_a_fleet_are_limited_when_many_targets_fail_at_once() -> None:
    failing = RESTART_LIMIT + 5
    result, watch = watch_world(make_fleet(FLEET, failing))
    assert result.record.restarts.total() == RESTART_LIMIT
    held = [i.name for i in result.instances if i.state is not TargetState.HEALTHY]
    assert len(held) == failing - RESTART_LIMIT
    assert all(Guard.RATE_LIMIT in result.record.guards[name] for name in held)
    opened = [m for m in watch.messages if m.kind is MessageKind.OPENED]
    assert len(opened) == failing
