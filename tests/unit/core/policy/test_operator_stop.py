"""A stop by an operator is respected; other ends of a container are not excused."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RemedyCallResult, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import RESTART, ROOT, start_healthy_world
from tests.support.rule_world import WALLET, RuleWorld, container


@pytest.mark.parametrize(
    "kinds", [(EngineEventKind.KILL,), (EngineEventKind.KILL, EngineEventKind.STOP)]
)
def test_an_operators_stop_or_kill_is_respected(
    kinds: tuple[EngineEventKind, ...],
) -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 137)
    if EngineEventKind.STOP in kinds:
        world.notice(ROOT, EngineEventKind.STOP)
    world.wait(3600.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED
    pages = [d for d in world.decisions if d.action is Action.PAGE]
    assert [p.cause for p in pages] == [Cause.STOPPED]
    assert world.state.incidents == {}


def test_a_container_that_somebody_is_stopping_is_left_to_end() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.STOPPING
    world.exits(ROOT, 137)
    world.notice(ROOT, EngineEventKind.STOP)
    world.wait(600.0)
    assert world.acts() == []
    assert world.state.incidents == {}


def test_a_container_that_runs_on_after_a_signal_is_restarted() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(4.0)
    assert (world.acts(), world.state.incidents) == ([], {})
    world.wait(3.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert len(world.state.incidents) == 1


def test_a_signal_to_an_earlier_run_does_not_count_for_this_run() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.wait(5.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_signal_reported_late_counts_from_its_own_time() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, ago_s=12.0)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]


def test_an_operator_may_restart_a_container_that_is_being_stopped() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.send(RestartRequested(world.now, ROOT))
    assert world.acts() == [(ROOT, RESTART)]


def test_a_container_that_is_started_again_is_restarted_on_failure() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 137)
    world.wait(10.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_signal_long_ago_does_not_excuse_an_exit() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.wait(601.0, 30.0)
    world.exits(ROOT, 137)
    assert world.acts() == [(ROOT, Action.START)]


def relist_with(world: RuleWorld, **changes: object) -> None:
    """A list shows the container so, and no event told of it."""
    instance_id = InstanceId(ROOT, 1)
    world.containers[instance_id] = replace(world.containers[instance_id], **changes)  # type: ignore[arg-type]  # any field of it
    world.relist()


def test_a_stop_event_without_a_kill_event_is_an_operators_stop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.notice(ROOT, EngineEventKind.STOP, status=Status.EXITED, exit_code=1, pid=0)
    world.wait(60.0)
    assert world.acts() == []


def test_a_kill_event_without_an_exit_event_is_an_operators_stop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.notice(ROOT, EngineEventKind.KILL)
    relist_with(world, status=Status.EXITED, exit_code=1, pid=0)
    world.wait(60.0)
    assert world.acts() == []
    assert str(world.instance(ROOT).reason) == "an operator stopped it"


def test_an_exit_during_our_restart_is_no_operators_stop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    again = world.now.wall
    relist_with(world, started_at=again, status=Status.EXITED, exit_code=0, pid=0)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.wait(30.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]


def test_our_own_late_kill_is_no_operators_stop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.wait(5.0)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 137)
    world.wait(200.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]


def test_a_remedy_that_was_not_sent_does_not_excuse_a_later_stop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    instance_id = InstanceId(ROOT, 1)
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    world.relist()
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert (
        str(world.instance(ROOT).reason) == "found stopped (exit 0), as by an operator"
    )


def test_an_old_exit_reported_late_does_not_undo_a_stop() -> None:
    dead = container(ROOT, status=Status.EXITED, exit_code=143, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): dead})
    world.notice(ROOT, EngineEventKind.DIE, ago_s=90_000.0)
    world.wait(60.0)
    assert world.acts() == []
