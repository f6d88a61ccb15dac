"""The explanation of one target, as the API shows it."""

from collections.abc import Sequence

from sidecar.api_types.explanation import (
    ExplainedRemedy,
    GuardAnswer,
    NextFailureResult,
    TargetExplanation,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.policy.explanation import Explanation
from sidecar.core.policy.guards.answers import GuardExplanation
from sidecar.core.policy.next_failure import NextFailure
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.text.formatting import rfc3339
from sidecar.web.views.status import target_status


def show_explanation(
    state: State, explanation: Explanation, now: Moment, planned: Sequence[PlannedTime]
) -> TargetExplanation:
    """The whole document: the status, the guards in order, and the next failure."""
    return TargetExplanation(
        at=rfc3339(now.wall),
        mode=state.mode_in_force,
        target=target_status(state, explanation.instance, now, planned),
        remedy=ExplainedRemedy(
            action=explanation.action,
            trigger=explanation.trigger,
            proposed=explanation.is_proposed,
        ),
        guards=tuple(_guard(answer, now) for answer in explanation.guards),
        next_failure=_next_failure(explanation.next_failure, now),
    )


def _guard(answer: GuardExplanation, now: Moment) -> GuardAnswer:
    reason = answer.reason
    objects = reason is not None
    return GuardAnswer(
        guard=answer.guard,
        asked=answer.is_asked,
        objects=objects,
        reason=str(reason) if reason is not None else None,
        reason_code=reason.code if reason is not None else None,
        lifted_when=answer.lifted_by if objects else None,
        lifts_in_seconds=_seconds(answer.lifts_in_s) if objects else None,
        lifts_at=_instant(answer.lifts_in_s, now) if objects else None,
    )


def _next_failure(failure: NextFailure, now: Moment) -> NextFailureResult:
    return NextFailureResult(
        cause=failure.cause,
        assumed=failure.is_assumed,
        missing_failures=failure.missing,
        failure_threshold=failure.needed,
        certain_in_seconds=round(failure.certain_in_s, 1),
        certain_at=rfc3339(now.wall + failure.certain_in_s),
        remedy=failure.remedy,
        no_remedy_because=str(failure.why_not) or None,
        lane=failure.lane,
        try_=failure.try_number or None,
        tries_in_lane=failure.tries_in_lane or None,
        earliest_in_seconds=_seconds(failure.earliest_s),
        earliest_at=_instant(failure.earliest_s, now),
        held_by=failure.held_by,
    )


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _instant(seconds: float | None, now: Moment) -> str | None:
    return None if seconds is None else rfc3339(now.wall + seconds)
