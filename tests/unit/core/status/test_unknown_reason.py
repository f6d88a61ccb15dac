"""Reasons of targets that are unknown or starting."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import ProbeResult, probe_success, probe_unknown
from sidecar.core.model.target import InstanceId, ProbeSchedule
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import StateChanged
from sidecar.core.reason.reason import text_reason
from sidecar.web.views import status
from tests.support.rule_steps import STEPS, Steps, play
from tests.support.rule_world import WALLET, RuleWorld, container

ROOT = WALLET.name
REFUSED = probe_unknown(
    Cause.PROBER_FAILED, text_reason("the engine answered 403: exec is not allowed")
)
UNDECIDED = {TargetState.UNKNOWN, TargetState.STARTING}


def reason_in_status(world: RuleWorld) -> object:
    targets = status.target_statuses(world.state, world.now, {})
    return next(target.reason for target in targets if target.name == ROOT)


@pytest.mark.parametrize("outcome", [REFUSED, replace(REFUSED, cause=None)])
def test_status_has_the_reason_of_an_unknown_target(outcome: ProbeResult) -> None:
    new = container(ROOT, started_at=RuleWorld(targets=()).now.wall)
    world = RuleWorld(targets=(WALLET,), containers={InstanceId(ROOT, 1): new})
    for _ in range(150):
        world.probe(ROOT, outcome)
        world.wait(1.0)
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    assert reason_in_status(world) == str(REFUSED.reason)
    (change,) = (
        t
        for t in world.transitions
        if isinstance(t, StateChanged) and t.new is TargetState.UNKNOWN
    )
    assert (change.old, change.reason) == (TargetState.STARTING, REFUSED.reason)


def test_missing_first_answer_is_the_reason_before_it() -> None:
    world = RuleWorld(targets=(WALLET,))
    assert reason_in_status(world) == "no probe has answered yet"
    world.wait(61.0)
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    assert reason_in_status(world) == "no probe has answered yet"


def test_reason_counts_the_good_answers_so_far() -> None:
    cadence = ProbeSchedule(start_period_s=0.0, success_threshold=3)
    world = RuleWorld(targets=(replace(WALLET, cadence=cadence),))
    world.probe(ROOT, probe_success())
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    assert reason_in_status(world) == "1 of 3 good answers in a row so far"


@given(st.lists(STEPS, max_size=30))
def test_no_target_is_unknown_or_starting_without_a_reason(steps: Steps) -> None:
    for instance in play(steps).state.instances.values():
        if instance.state in UNDECIDED:
            assert instance.reason, instance
