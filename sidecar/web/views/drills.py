"""Drills as the HTTP API shows them."""

from collections.abc import Callable, Iterable

from sidecar.api_types import drills as types
from sidecar.core.drills.verdict import recover_s, seconds_between
from sidecar.core.model.drill import Drill, DrillAct, DrillRecord
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.ports.drill_planning import PlannedDrillTime
from sidecar.core.reason.public_reason import public_reason
from sidecar.core.reason.reason import Reason
from sidecar.core.text.formatting import rfc3339
from sidecar.web.views.drill_texts import (
    ADDRESSES_AT_RISK,
    FAULT_TEXTS,
    LOSES_ADDRESSES,
)

Show = Callable[[Reason], Reason]
"""A reason as this reader may see it."""


def reader_of(*, details: bool) -> Show:
    """The function that shows reasons; ``details``: to a reader who may see all."""
    return _show_whole if details else public_reason


def _show_whole(reason: Reason) -> Reason:
    return reason


def show_expectation(
    state: State, instance: Instance, fault: DrillFault
) -> types.DrillExpectation:
    """The preview of a drill of the instance."""
    target = state.target_of(instance)
    texts = FAULT_TEXTS[fault]
    loses = target.wallet is not None and fault in LOSES_ADDRESSES
    return types.DrillExpectation(
        target=instance.name,
        fault=fault,
        objective=_show_objective(target.objective),
        touches=texts.touches + (ADDRESSES_AT_RISK if loses else ""),
        expects=texts.expects,
        ends=texts.ends,
    )


def still_under_way(
    current: Drill | None, records: Iterable[DrillRecord]
) -> Drill | None:
    """The drill that was under way before the records were read; None: it has ended."""
    if current is None or any(record.id == current.id for record in records):
        return None
    return current


def show_current(drill: Drill, show: Show) -> types.DrillSummary:
    """The drill under way."""
    reason = show(drill.problem)
    return types.DrillSummary(
        id=drill.id,
        target=drill.name,
        fault=drill.fault,
        cured=drill.fault.rule.is_cured,
        trigger=drill.trigger,
        phase=drill.phase,
        outcome=None,
        reason=str(reason),
        reason_code=reason.code,
        began=rfc3339(drill.began.wall),
        injected=_instant(drill.injected),
        undone=_instant(drill.undone),
        ended=None,
        objective=_show_objective(drill.objective),
        seconds=_measure(drill),
        acts=_show_acts(drill.acts, show),
        messages=types.DrillMessages(held=drill.held, sent=drill.sent),
        undo_problem=str(show(drill.undo_problem)),
    )


def show_record(record: DrillRecord, show: Show) -> types.DrillSummary:
    """A drill that has ended."""
    reason = show(record.reason)
    injected, undone = record.injected_wall, record.undone_wall
    return types.DrillSummary(
        id=record.id,
        target=record.target,
        fault=record.fault,
        cured=record.fault.rule.is_cured,
        trigger=record.trigger,
        phase=None,
        outcome=record.outcome,
        reason=str(reason),
        reason_code=reason.code,
        began=rfc3339(record.began_wall),
        injected=rfc3339(injected) if injected is not None else None,
        undone=rfc3339(undone) if undone is not None else None,
        ended=rfc3339(record.ended_wall),
        objective=_show_objective(record.objective),
        seconds=types.DrillMeasures(
            detect=_round(record.detect_s),
            recover=_round(record.recover_s),
            decide=_round(record.decide_s),
        ),
        acts=_show_acts(record.acts, show),
        messages=types.DrillMessages(held=record.held, sent=record.sent),
        undo_problem=str(show(record.undo_problem)),
    )


def _measure(drill: Drill) -> types.DrillMeasures:
    return types.DrillMeasures(
        detect=_round(seconds_between(drill.injected, drill.detected)),
        recover=_round(recover_s(drill)),
        decide=_round(seconds_between(drill.injected, drill.decided)),
    )


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _instant(moment: Moment | None) -> str | None:
    return None if moment is None else rfc3339(moment.wall)


def _show_objective(objective: DrillObjective) -> types.DrillTimes:
    return types.DrillTimes(detect=objective.detect_s, recover=objective.recover_s)


def _show_acts(acts: Iterable[DrillAct], show: Show) -> tuple[types.DrillAct, ...]:
    return tuple(
        types.DrillAct(
            at=rfc3339(act.at_wall),
            target=act.name,
            action=act.action,
            right=act.is_right,
            reason=str(show(act.reason)),
        )
        for act in acts
    )


def show_planned(planned: PlannedDrillTime) -> types.PlannedDrill:
    """The next planned drill of a target."""
    return types.PlannedDrill(
        target=planned.target,
        fault=planned.plan.fault,
        at=rfc3339(planned.at_wall),
        cron=planned.plan.cron,
        timezone=planned.plan.timezone,
    )
