"""Protocols for orders of drills: what they need from outside the loop."""

from typing import NamedTuple, Protocol

from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillPlan
from sidecar.core.model.target import InstanceId


class PlannedDrillTime(NamedTuple):
    """The next planned drill of a target."""

    target: str
    at_wall: float
    plan: DrillPlan


class DrillPlanning(Protocol):
    """Facts for the objection to a drill, and the planned drills."""

    async def find_facts(
        self, instance_id: InstanceId, fault: DrillFault
    ) -> DrillFacts:
        """Facts against a drill that the state does not have; within some seconds."""

    def next_drills(self) -> tuple[PlannedDrillTime, ...]:
        """The next planned drill of each target, in order of time."""
