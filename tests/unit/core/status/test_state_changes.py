"""The state of a target: since when, and when it counts as changed."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import PauseRequested
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import ROOT, start_healthy_wallet


def test_the_time_of_a_state_is_kept_when_its_cause_changes() -> None:
    world = start_healthy_wallet()
    healthy = world.instance(ROOT).since
    world.fails(ROOT, Cause.AUTH, 2)
    world.probe(ROOT, probe_failure(Cause.AUTH, text_reason("wrong password")))
    down = world.instance(ROOT).since
    assert down.mono > healthy.mono
    assert down == world.now
    world.fails(ROOT, Cause.MISCONFIGURED)
    assert world.instance(ROOT).since == down


def test_a_new_reason_for_the_same_cause_is_no_transition() -> None:
    world = start_healthy_wallet()
    world.send(PauseRequested(world.now, (ROOT,), None))
    world.fails(ROOT, Cause.REFUSED)
    before = len(world.transitions)
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("in other words")))
    assert str(world.instance(ROOT).reason) == "in other words"
    assert len(world.transitions) == before
