"""A small world that reports each turn to listeners, as the loop does."""

from dataclasses import dataclass

from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import StepListener
from tests.support.rule_world import RuleWorld


@dataclass
class MessageWorld(RuleWorld):
    listeners: tuple[StepListener, ...] = ()
    lists: bool = False

    def send(self, event: Event) -> tuple[Decision, ...]:  # type: ignore[explicit-override]
        before, runs_before = len(self.transitions), len(self.task_runs)
        drills_before = len(self.drill_records)
        decisions = super().send(event)
        new = tuple(self.transitions[before:])
        result = StepResult(
            event,
            new,
            decisions,
            tuple(self.state.instances),
            self.state,
            task_runs=tuple(self.task_runs[runs_before:]),
            drill_records=tuple(self.drill_records[drills_before:]),
        )
        for listener in self.listeners:
            listener.on_step(result)
        return decisions
