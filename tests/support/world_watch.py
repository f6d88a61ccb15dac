"""A simulated world, watched: the invariants hold after each step, and at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.app.simulation import SimulationResult, simulate
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from tests.support.invariants import (
    check_decision,
    check_limits,
    check_message_order,
    check_one_open_incident,
    check_one_remedy_at_once,
    check_unhealthy_is_held,
)
from tests.support.random_worlds import World


@dataclass
class WorldWatch:
    """A listener to steps. The loop survives a failed listener: violations are kept."""

    violations: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    step_count: int = 0
    state: State | None = None

    def on_step(self, result: StepResult) -> None:
        self.step_count += 1
        self.messages += result.messages
        before, self.state = self.state, result.state
        at = result.event.at
        if result.transitions or result.decisions or before is None:
            self._check(at.wall, lambda: check_one_remedy_at_once(result.state))
            self._check(at.wall, lambda: check_limits(result.state, at.mono))
            self._check(at.wall, lambda: check_one_open_incident(result.state))
        for decision in result.decisions:
            self._check(at.wall, lambda d=decision: check_decision(result.state, d))  # type: ignore[misc]  # mypy: no type for d

    def _check(self, at_wall: float, invariant: Callable[[], None]) -> None:
        try:
            invariant()
        except AssertionError as error:
            self.violations.append(f"{at_wall:.1f}: {error}")


def watch_world(
    world: World, *, skips_quiet_time: bool = True
) -> tuple[SimulationResult, WorldWatch]:
    """Simulate a world; AssertionError with the first invariant that did not hold."""
    watch = WorldWatch()
    result = simulate(
        world.settings,
        world.scenario,
        listeners=[watch],
        skips_quiet_time=skips_quiet_time,
    )
    assert not watch.violations, watch.violations[0]
    assert watch.state is not None
    check_message_order(watch.messages)
    check_unhealthy_is_held(watch.state)
    return result, watch
