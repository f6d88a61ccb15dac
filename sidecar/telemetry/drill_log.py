"""The log lines of drills."""

from loguru import logger

from sidecar.core.model.drill import DrillOutcome, DrillRecord
from sidecar.core.model.drill_event import DrillEvent, DrillInjected, DrillUndone
from sidecar.core.model.event import Event
from sidecar.core.model.step_result import StepResult

_BAD = frozenset({DrillOutcome.MISSED, DrillOutcome.FAILED})


def log_drill(result: StepResult) -> None:
    """Log what this step did to a drill, and the verdicts."""
    if isinstance(result.event, DrillEvent):
        _log_event(result.event, result)
    for record in result.drill_records:
        _log_record(record)


def _log_event(event: Event, result: StepResult) -> None:
    drill = result.state.drill
    if drill is None:
        return
    drill_log = logger.bind(target=drill.name, drill=drill.id, fault=drill.fault)
    match event:
        case DrillInjected(problem=problem) if not problem:
            drill_log.info(
                "drill of {}: the fault {} is there", drill.name, drill.fault
            )
        case DrillUndone(problem=problem) if problem:
            drill_log.error(
                "drill of {}: the fault {} could not be undone, next try follows: {}",
                drill.name,
                drill.fault,
                problem,
            )
        case DrillUndone():
            drill_log.info("drill of {}: the fault is undone", drill.name)
        case _:
            pass


def _log_record(record: DrillRecord) -> None:
    level = "WARNING" if record.outcome in _BAD else "INFO"
    logger.bind(target=record.target, drill=record.id, fault=record.fault).log(
        level,
        "drill of {}: {}: {}: {}",
        record.target,
        record.fault,
        record.outcome,
        record.reason,
    )
