"""A small world whose every turn is told, as the loop does."""

from dataclasses import dataclass

from sidecar.core.decision import Decision
from sidecar.core.event import Event
from sidecar.core.ports import Teller
from tests.unit.world import World


@dataclass
class ToldWorld(World):
    tellers: tuple[Teller, ...] = ()
    lists: bool = False

    def send(self, event: Event) -> tuple[Decision, ...]:  # type: ignore[explicit-override]
        before = len(self.transitions)
        decisions = super().send(event)
        for teller in self.tellers:
            new = tuple(self.transitions[before:])
            teller.tell(event, new, decisions, self.state)
        return decisions
