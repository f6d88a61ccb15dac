"""A small world whose every turn is told, as the loop does."""

from dataclasses import dataclass

from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.ports.loop import StepListener
from tests.unit.world import World


@dataclass
class ToldWorld(World):
    tellers: tuple[StepListener, ...] = ()
    lists: bool = False

    def send(self, event: Event) -> tuple[Decision, ...]:  # type: ignore[explicit-override]
        before = len(self.transitions)
        decisions = super().send(event)
        for teller in self.tellers:
            new = tuple(self.transitions[before:])
            teller.tell(event, new, decisions, self.state)
        return decisions
