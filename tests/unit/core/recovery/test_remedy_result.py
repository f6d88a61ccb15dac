"""The result of a remedy: verified, failed, or unknown."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RemedyCallResult, RestartRequested
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from tests.support.rule_scenarios import (
    INDEPENDENT,
    OTHER,
    RESTART,
    ROOT,
    list_remedy_outcomes,
    start_container,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld


def find_remedy_end(world: RuleWorld) -> RemedyEnded:
    (remedy_end,) = (t for t in world.transitions if isinstance(t, RemedyEnded))
    return remedy_end


def test_a_remedy_that_does_not_end_is_given_up_at_its_deadline() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.wait(150.0)
    assert world.is_acting(ROOT)
    world.wait(4.0)
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [e.outcome for e in ends] == [RemedyOutcome.UNKNOWN]
    assert world.instance(ROOT).remedy is None


def test_an_exit_during_the_verification_ends_it_as_not_recovered() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.exits(ROOT, 1)
    world.complete_remedy(ROOT)
    world.wait(5.0)
    world.exits(ROOT, 1)
    assert list_remedy_outcomes(world) == [(ROOT, RemedyOutcome.NOT_RECOVERED)]
    world.wait(13.0)
    assert world.acts() == [(ROOT, Action.START)] * 2


def test_a_late_view_of_the_old_run_does_not_end_the_remedy() -> None:
    world = start_healthy_world(targets=(WALLET,))
    instance_id = InstanceId(ROOT, 1)
    old = world.containers[instance_id]
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    new = world.containers[instance_id]
    world.containers[instance_id] = replace(
        old, status=Status.EXITED, exit_code=137, pid=0
    )
    world.relist()
    world.containers[instance_id] = new
    world.relist()
    world.works(ROOT)
    assert list_remedy_outcomes(world) == [(ROOT, RemedyOutcome.RECOVERED)]


def test_the_verification_waits_for_a_restart_by_the_engine() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.wait(5.0)
    world.exits(ROOT, 1, restart_policy="always")
    start_container(world, ROOT)
    world.works(ROOT)
    assert list_remedy_outcomes(world) == [(ROOT, RemedyOutcome.RECOVERED)]


def test_an_operators_stop_ends_the_verification_and_is_not_on_record() -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.wait(1.0)
    assert list_remedy_outcomes(world) == [(ROOT, RemedyOutcome.UNKNOWN)]
    assert world.state.ledger == {}
    world.fails(OTHER, Cause.REFUSED)
    assert world.acts()[-1] == (OTHER, RESTART)


def test_a_restart_with_unknown_result_has_recovered_only_after_an_answer() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    world.now_s += 5.0
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.wait(10.0)
    assert list_remedy_outcomes(world) == []
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.works(ROOT, times=1)
    assert list_remedy_outcomes(world) == [(ROOT, RemedyOutcome.RECOVERED)]


def test_answers_during_a_restart_do_not_verify_it() -> None:
    world = start_healthy_wallet()
    world.send(RestartRequested(world.now, ROOT))
    world.works(ROOT)
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.works(ROOT)
    assert find_remedy_end(world).outcome is RemedyOutcome.RECOVERED


def test_a_restart_with_unknown_result_gives_that_reason_when_it_did_not_help() -> None:
    world = start_healthy_wallet()
    world.send(RestartRequested(world.now, ROOT))
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.wait(WALLET.restart.recovery_timeout_s)
    assert str(find_remedy_end(world).reason).startswith("as asked; ")
