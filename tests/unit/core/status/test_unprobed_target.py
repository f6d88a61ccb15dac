"""A target that cannot be probed for long is unknown."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import (
    PROBE_UNKNOWN,
    ROOT,
    list_pages,
    start_container,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld


def test_a_target_that_cannot_be_probed_for_long_is_unknown() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(8):
        world.wait(60.0, 10.0)
        world.probe(ROOT, PROBE_UNKNOWN)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    for _ in range(4):
        world.wait(60.0, 10.0)
        world.probe(ROOT, PROBE_UNKNOWN)
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    (page,) = list_pages(world, ROOT)
    assert page.cause is Cause.PROBER_FAILED
    assert str(PROBE_UNKNOWN.reason) in str(page.reason)
    assert world.state.incidents == {}
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_one_unknown_result_after_failures_in_a_start_pages_nobody() -> None:
    world = RuleWorld(targets=(WALLET,))
    start_container(world, ROOT)
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("nobody listens yet")))
    world.probe(ROOT, PROBE_UNKNOWN)
    world.wait(130.0, 10.0)
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    assert list_pages(world, ROOT) == []


def test_a_success_between_unknown_results_restarts_their_count() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for outcome in (PROBE_UNKNOWN, probe_success(), PROBE_UNKNOWN):
        world.probe(ROOT, outcome)
        world.wait(400.0, 10.0)
    world.probe(ROOT, PROBE_UNKNOWN)
    assert world.instance(ROOT).state is TargetState.HEALTHY
