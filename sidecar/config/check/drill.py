"""Checks of the sections ``objective`` and ``drill`` of a target."""

from collections.abc import Iterator

from sidecar.config.check.cron import cron_faults, shortest_gap_s
from sidecar.config.duration import format_seconds
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.drill_settings import DrillObjective, DrillPlan
from sidecar.core.model.target import Target

SHORTEST_GAP_S = 3600.0


def objective_faults(objective: DrillObjective, path: str) -> Iterator[ConfigProblem]:
    """Faults of an objective that no target can meet."""
    if objective.recover_s < objective.detect_s:
        yield ConfigProblem(
            f"{path}.recover",
            format_seconds(objective.recover_s),
            f"at least detect, {format_seconds(objective.detect_s)}",
            "both begin with the fault, and a target recovers after it was detected",
        )


def drill_faults(target: Target, plan: DrillPlan, path: str) -> Iterator[ConfigProblem]:
    """Faults of planned drills: the schedule, and a fault that the target lacks."""
    faults = list(cron_faults(path, plan.cron, plan.timezone))
    yield from faults
    gap_s = None if faults else shortest_gap_s(plan.cron)
    if gap_s is not None and gap_s < SHORTEST_GAP_S:
        actual = f"a drill every {format_seconds(gap_s)}"
        allowed = f"{format_seconds(SHORTEST_GAP_S)} or more between two"
        yield ConfigProblem(f"{path}.cron", actual, allowed)
    rule = plan.fault.rule
    if rule.needs_wallet and target.wallet is None:
        allowed = "another fault"
        hint = "only a wallet daemon says that it has no server"
        yield ConfigProblem(f"{path}.fault", plan.fault, allowed, hint)
    elif rule.on_connections and not target.is_asked_over_network:
        allowed = "another fault"
        hint = "no probe of this target connects to it"
        yield ConfigProblem(f"{path}.fault", plan.fault, allowed, hint)
