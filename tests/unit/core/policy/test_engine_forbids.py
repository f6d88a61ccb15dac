"""Remedies that the engine forbids: one page, no try, no hold of other targets."""

import json
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PlannedRestartDue,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.target import PlannedRestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded
from sidecar.core.reason.reason import text_reason
from sidecar.storage.codec import decode, encode, persistent_part
from tests.support.rule_scenarios import RESTART, ROOT, start_healthy_world
from tests.support.rule_world import WALLET, RuleWorld

OTHER = "other"
INDEPENDENT = replace(WALLET, name=OTHER)


def refuse_remedy(world: RuleWorld, name: str) -> None:
    """Fail until a remedy begins, which the engine refuses with 403."""
    world.fails(name, Cause.REFUSED)
    assert world.is_acting(name)
    world.complete_remedy(name, RemedyCallResult.REFUSED, restart=False)


def test_a_refused_restart_counts_as_no_try_and_no_restart() -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    assert world.instance(ROOT).lane.tries == 0
    assert world.instance(ROOT).counted_mono == ()
    assert world.state.restarts == ()
    assert world.state.ledger == {}
    assert world.instance(ROOT).restarts_total == 0
    assert not [t for t in world.transitions if isinstance(t, RemedyEnded)]


def test_a_refused_restart_pages_once_and_is_retried_after_an_hour() -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    refused_s = world.now_s
    world.fails(ROOT, Cause.REFUSED, 100)
    assert world.now_s - refused_s < 3600.0
    assert world.acts() == [(ROOT, RESTART)]
    pages = [d for d in world.decisions if d.guard is Guard.FORBIDDEN]
    assert [d.action for d in pages] == [Action.PAGE]
    assert "the engine does not allow it (as asked)" in str(pages[0].reason)
    assert world.instance(ROOT).state is TargetState.DOWN
    world.wait(refused_s + 3599.0 - world.now_s, 10.0)
    assert len(world.acts()) == 1
    world.wait(11.0)
    assert world.acts() == [(ROOT, RESTART)] * 2


def test_a_refusal_for_one_target_holds_no_other_target() -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    refuse_remedy(world, ROOT)
    world.fails(OTHER, Cause.REFUSED)
    assert world.is_acting(OTHER)


def test_an_operator_may_ask_the_engine_again() -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).trigger is Trigger.OPERATOR
    assert world.acts() == [(ROOT, RESTART)] * 2
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)] * 3


def test_an_engine_that_comes_back_is_asked_again() -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason="gone"))
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)] * 2


def test_another_action_than_the_refused_one_is_tried() -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    world.exits(ROOT)
    world.wait(2.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]
    world.complete_remedy(ROOT, RemedyCallResult.REFUSED, restart=False)
    world.wait(60.0)
    assert len(world.acts()) == 2
    assert world.last(ROOT).guard is Guard.FORBIDDEN


def test_a_polite_stop_with_a_refused_start_is_no_operators_stop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    (instance_id,) = world.containers
    exited_container = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    world.containers[instance_id] = exited_container
    world.send(
        RemedyExecuted(
            world.now,
            instance_id,
            RemedyCallResult.REFUSED,
            text_reason("403"),
            exited_container,
        )
    )
    world.wait(2.0)
    assert world.instance(ROOT).state is not TargetState.STOPPED
    assert world.acts()[1:] == [(ROOT, Action.START)]


def test_a_daemon_is_not_stopped_politely_where_the_engine_may_not_start_it() -> None:
    world = start_healthy_world(targets=(WALLET,))
    answers = probe_failure(Cause.HTTP_5XX, text_reason("it is ill"), rpc_answers=True)
    for _ in range(3):
        world.probe(ROOT, answers)
    first = world.last(ROOT)
    assert first.action is RESTART
    assert first.polite_stop_s > 0.0
    world.complete_remedy(ROOT, RemedyCallResult.REFUSED, restart=False)
    world.wait(3601.0, 10.0)
    again = world.last(ROOT)
    assert (again.action, again.polite_stop_s) == (RESTART, 0.0)
    world.complete_remedy(ROOT, RemedyCallResult.REFUSED, restart=False)
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).polite_stop_s > 0.0


def test_a_planned_restart_that_is_refused_is_over_and_the_next_is_skipped() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *")),)
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT, RemedyCallResult.REFUSED, restart=False)
    assert world.state.plan is None
    world.send(PlannedRestartDue(world.now, ROOT))
    assert (world.last(ROOT).action, world.last(ROOT).guard) == (
        Action.SKIP,
        Guard.FORBIDDEN,
    )


def test_a_planned_restart_is_skipped_however_long_ago_the_engine_refused() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *")),)
    )
    refuse_remedy(world, ROOT)
    for _ in range(30):
        world.works(ROOT)
        world.now_s += 1800.0
        world.relist()
    world.works(ROOT)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert (world.last(ROOT).action, world.last(ROOT).guard) == (
        Action.SKIP,
        Guard.FORBIDDEN,
    )


@pytest.mark.parametrize("result", [RemedyCallResult.DONE, RemedyCallResult.UNKNOWN])
def test_a_remedy_that_was_sent_clears_the_refusal(result: RemedyCallResult) -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    world.send(RestartRequested(world.now, ROOT))
    world.complete_remedy(ROOT, result)
    assert world.instance(ROOT).refusal is None


def test_a_refusal_is_not_stored_for_the_next_sidecar() -> None:
    world = start_healthy_world(targets=(WALLET,))
    refuse_remedy(world, ROOT)
    assert world.instance(ROOT).refusal is not None
    stored_instance = persistent_part(world.instance(ROOT))
    assert stored_instance.refusal is None
    assert decode(encode(world.instance(ROOT)), Instance).refusal is not None


def test_a_stored_instance_without_new_fields_is_read() -> None:
    world = start_healthy_world(targets=(WALLET,))
    old = json.loads(encode(persistent_part(world.instance(ROOT))))
    del old["counted_mono"], old["refusal"]
    assert decode(json.dumps(old), Instance).counted_mono == ()
