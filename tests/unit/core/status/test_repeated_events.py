"""Events of our own calls, reported late or repeated to a successor.

The engine repeats the events of the last ten minutes to a Sidecar that has started.
"""

from dataclasses import replace

import pytest

from sidecar.core.model.container import Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.instance import StopOrigin
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.crash_loop import SHORT_RUN_S
from tests.support.notification_recipients import WALLET, Notifier
from tests.support.process_takeover import repeat_exits, start_successor
from tests.support.rule_world import RuleWorld

SIGTERM = 15
REFUSED = "driver failed programming external connectivity: port is already allocated"


def restart_on_request(world: RuleWorld) -> float:
    """Restart the wallet daemon as an operator asks; return the time of its end."""
    world.send(RestartRequested(world.now, WALLET))
    ended_wall = world.now.wall
    world.exits(WALLET, exit_code=0)
    world.now_s += 1.0
    world.complete_remedy(WALLET)
    world.now_s += 1.0
    world.works(WALLET)
    return ended_wall


def test_repeated_ends_of_own_restarts_are_no_crash_loop() -> None:
    world = Notifier().world
    walls = [restart_on_request(world) for _ in range(3)]
    world.wait(SHORT_RUN_S + 10.0, 5.0)
    walls.append(restart_on_request(world))
    assert world.instance(WALLET).exits == ()
    successor = start_successor(world)
    repeat_exits(successor, WALLET, *walls)
    assert successor.instance(WALLET).exits == ()
    assert not successor.instance(WALLET).looping


def stop_without_start(world: RuleWorld, *, told: bool) -> float:
    """A restart of ours whose start fails, and its time; ``told``: its events come."""
    world.send(RestartRequested(world.now, WALLET))
    stopped_wall = world.now.wall
    if told:
        report_own_stop(world, stopped_wall)
    world.now_s += 1.0
    instance = world.instance(WALLET)
    before = world.containers[instance.id]
    stopped = replace(before, status=Status.EXITED, pid=0, error=REFUSED)
    world.containers[instance.id] = stopped
    world.send(
        RemedyExecuted(
            world.now,
            instance.id,
            RemedyCallResult.FAILED,
            text_reason(REFUSED),
            stopped,
            engine_stops=1,
        )
    )
    return stopped_wall


def report_own_stop(world: RuleWorld, wall: float) -> None:
    """The engine's events of a stop, as part of a restart."""
    for kind, after_s in (
        (EngineEventKind.KILL, 0.0),
        (EngineEventKind.DIE, 0.1),
        (EngineEventKind.STOP, 0.2),
    ):
        signal = SIGTERM if kind is EngineEventKind.KILL else 0
        world.notice(WALLET, kind, signal=signal, engine_time=wall + after_s)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("takes_over", [True, False])
def test_own_stop_without_a_start_is_no_operators_stop(
    told: bool, takes_over: bool
) -> None:
    world = Notifier().world
    stopped_wall = stop_without_start(world, told=told)
    watching = start_successor(world) if takes_over else world
    report_own_stop(watching, stopped_wall)
    watching.wait(1.0)
    instance = watching.instance(WALLET)
    assert instance.stop is StopOrigin.NONE
    assert instance.state is TargetState.DOWN
    assert instance.exits == ()


def test_stop_by_an_operator_after_our_refused_restart_is_seen() -> None:
    world = Notifier().world
    world.send(RestartRequested(world.now, WALLET))
    world.now_s += 1.0
    instance = world.instance(WALLET)
    running = world.containers[instance.id]
    world.send(
        RemedyExecuted(
            world.now,
            instance.id,
            RemedyCallResult.FAILED,
            text_reason("cannot stop it: tried to kill it, but got no exit event"),
            running,
        )
    )
    world.now_s += 5.0
    world.containers[instance.id] = replace(running, status=Status.EXITED, pid=0)
    report_own_stop(world, world.now.wall)
    world.wait(1.0)
    assert world.instance(WALLET).stop is StopOrigin.SEEN
    assert world.instance(WALLET).state is TargetState.STOPPED
