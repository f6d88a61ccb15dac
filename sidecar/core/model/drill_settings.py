"""Settings of drills: the objective of a target, and its planned drills."""

from dataclasses import dataclass

from sidecar.core.model.drill_fault import DrillFault


@dataclass(frozen=True, slots=True)
class DrillObjective:
    """Longest times until a fault is detected, and until the target works again.

    Both begin with the fault. If the drill itself ends the fault, because Sidecar has
    to leave it alone, ``recover_s`` begins with that end.
    """

    detect_s: float = 60.0
    recover_s: float = 180.0


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """Planned drills: a cron line in a time zone, and the fault."""

    cron: str
    fault: DrillFault
    timezone: str = "UTC"
