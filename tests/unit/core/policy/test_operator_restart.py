"""Restarts that an operator asks for: done, or refused with a reason."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import PauseRequested, RemedyCallResult, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import InstanceId
from tests.support.rule_scenarios import (
    LEAF,
    RESTART,
    ROOT,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import EPOCH, WALLET, RuleWorld, container


def test_an_operators_restart_is_done_and_answered() -> None:
    world = start_healthy_world()
    (decision,) = world.send(RestartRequested(world.now, ROOT))
    assert (decision.action, decision.trigger) == (RESTART, Trigger.OPERATOR)
    assert world.instance(ROOT).lane.tries == 0


def test_an_operators_restart_is_refused_with_the_reason_of_the_guard() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    (decision,) = world.send(RestartRequested(world.now, LEAF))
    assert decision.action is Action.HOLD
    assert decision.guard is Guard.REMEDY_RUNNING
    assert not world.instance(LEAF).asked


def test_now_restarts_despite_a_pause() -> None:
    world = start_healthy_world()
    world.send(PauseRequested(world.now, (ROOT,)))
    (refusal,) = world.send(RestartRequested(world.now, ROOT))
    assert refusal.guard is Guard.PAUSED
    (restart,) = world.send(RestartRequested(world.now, ROOT, now=True))
    assert restart.action is RESTART


def test_an_operators_restart_is_refused_without_a_container() -> None:
    world = start_healthy_world()
    world.containers.pop(InstanceId(ROOT, 1))
    world.relist()
    (decision,) = world.send(RestartRequested(world.now, ROOT))
    assert decision.action is Action.HOLD


def test_an_operators_restart_of_a_starting_target_needs_now() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    (refusal,) = world.send(RestartRequested(world.now, ROOT))
    assert refusal.guard is Guard.STARTING
    (restart,) = world.send(RestartRequested(world.now, ROOT, now=True))
    assert restart.action is RESTART


def test_an_operator_may_restart_at_once_a_target_just_stopped() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.notice(ROOT, EngineEventKind.KILL, restart_policy="always")
    world.exits(ROOT, 143)
    (decision,) = world.send(RestartRequested(world.now, ROOT))
    assert decision.action is Action.START


def test_an_operator_gets_a_decision_for_each_request() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,)))
    for _ in range(2):
        (decision,) = world.send(RestartRequested(world.now, ROOT))
        assert decision.guard is Guard.PAUSED


def test_now_restarts_a_dependent_despite_its_failing_root() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.AUTH)
    world.send(RestartRequested(world.now, LEAF))
    assert world.decision_guards(LEAF)[-1] == (Action.HOLD, Guard.DEPENDENCY)
    world.send(RestartRequested(world.now, LEAF, now=True))
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_an_operators_restart_does_not_wait_for_the_backoff() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.wait(1.0)
    assert world.decision_guards(ROOT)[-1] == (Action.HOLD, Guard.BACKOFF)
    world.send(RestartRequested(world.now, ROOT))
    assert world.acts() == [(ROOT, Action.RESTART)] * 2


def test_an_operator_may_restart_a_dependent_before_its_root_has_answered() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(LEAF, Cause.REFUSED, 1)
    world.send(RestartRequested(world.now, LEAF))
    assert world.acts() == [(LEAF, Action.RESTART)]
