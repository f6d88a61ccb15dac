"""The cost of an event does not depend on the number of targets.

The work of a step is counted, not timed: each instruction that the interpreter
executes. A walk through all instances adds some for each of them.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Decision
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import Event, Tick
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.step.step import run_step
from tests.support.rule_world import RuleWorld

if TYPE_CHECKING:
    from _typeshed import TraceFunction

FEW, MANY = 10, 3000
FIRST, SECOND = "target-0000", "target-0001"


def world_of(count: int) -> RuleWorld:
    """A stack in which all targets work."""
    names = [f"target-{number:04d}" for number in range(count)]
    targets = (Target(n, probes=(HttpProbe(f"http://{n}:8080/"),)) for n in names)
    world = RuleWorld(tuple(targets), lists=False)
    world.works(FIRST)
    working = world.instance(FIRST)
    same = {
        instance.id: replace(
            working,
            id=instance.id,
            name=instance.name,
            container=instance.container,
        )
        for instance in world.state.instances.values()
    }
    world.state = replace(world.state, instances=build_table(same))
    return world


def work_probe(world: RuleWorld) -> None:
    world.works(SECOND, times=1)


def fail_probe(world: RuleWorld) -> None:
    world.fails(FIRST, Cause.HTTP_5XX, times=1)


def lose_target(world: RuleWorld) -> None:
    world.fails(FIRST, Cause.REFUSED, times=1, path_fault=True)


def open_incident(world: RuleWorld) -> None:
    world.fails(FIRST, Cause.HTTP_5XX)


def restart(world: RuleWorld) -> None:
    world.fails(FIRST, Cause.HTTP_5XX)
    world.complete_remedy(FIRST)


def recover(world: RuleWorld) -> None:
    restart(world)
    world.works(FIRST)


def die(world: RuleWorld) -> None:
    world.exits(FIRST)


def start_again(world: RuleWorld) -> None:
    world.notice(FIRST, EngineEventKind.START)


def tick(world: RuleWorld) -> None:
    world.send(Tick(world.now))


def tick_while_one_fails(world: RuleWorld) -> None:
    world.fails(FIRST, Cause.HTTP_5XX)
    world.send(Tick(world.now))


def count_instructions(work: Callable[[], object]) -> int:
    count = 0

    def trace(frame: FrameType, kind: str, _: object) -> "TraceFunction":
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += kind == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def count_last_step(act: Callable[[RuleWorld], None], count: int) -> int:
    """Instructions that the last event of ``act`` takes in a stack of that size."""
    world = world_of(count)
    steps: list[tuple[State, Event]] = []
    send = world.send

    def note_and_send(event: Event) -> tuple[Decision, ...]:
        steps.append((world.state, event))
        return send(event)

    world.send = note_and_send  # type: ignore[method-assign]  # it only notes them
    act(world)
    state, event = steps[-1]
    return count_instructions(lambda: run_step(state, event))


@pytest.mark.parametrize(
    "act",
    [
        work_probe,
        fail_probe,
        lose_target,
        open_incident,
        restart,
        recover,
        die,
        start_again,
        tick,
        tick_while_one_fails,
    ],
)
def test_work_of_an_event_is_the_same_for_ten_and_for_thousands_of_targets(
    act: Callable[[RuleWorld], None],
) -> None:
    few, many = count_last_step(act, FEW), count_last_step(act, MANY)
    sys.stdout.write(f"{act.__name__}: {few} and {many} instructions\n")
    # A walk through all of them adds at least ten for each: 30,000.
    assert many < 1.2 * few + 4000
