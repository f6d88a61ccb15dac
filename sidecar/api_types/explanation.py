"""The explanation of one target: the guards and the next failure's result."""

from msgspec import Struct, field

from sidecar.api_types.status import TargetStatus
from sidecar.api_types.words import (
    ActionName,
    CauseName,
    GuardName,
    Instant,
    LaneStage,
    ModeName,
    ReasonCode,
    TriggerName,
)


class ExplainedRemedy(Struct, frozen=True):
    """The remedy that the guards are asked about.

    ``proposed``: it is proposed now; otherwise it would follow a failure.
    """

    action: ActionName
    trigger: TriggerName
    proposed: bool


class GuardAnswer(Struct, frozen=True):
    """One guard's answer; without an objection its last fields are null."""

    guard: GuardName
    asked: bool
    objects: bool
    reason: str | None
    reason_code: ReasonCode | None
    lifted_when: str | None
    lifts_in_seconds: float | None
    lifts_at: Instant | None


class NextFailureResult(Struct, frozen=True):
    """The result of further failed probes.

    ``assumed``: the target does not fail at present. ``earliest_in_seconds`` null: time
    alone does not lift the objection of ``held_by``, or there is no remedy or no try.
    """

    cause: CauseName
    assumed: bool
    missing_failures: int
    failure_threshold: int
    certain_in_seconds: float
    certain_at: Instant
    remedy: ActionName | None
    no_remedy_because: str | None
    lane: LaneStage
    try_: int | None = field(name="try")
    tries_in_lane: int | None
    earliest_in_seconds: float | None
    earliest_at: Instant | None
    held_by: GuardName


class TargetExplanation(Struct, frozen=True):
    """The state of one target, and what Sidecar does about it."""

    at: Instant
    mode: ModeName
    target: TargetStatus
    remedy: ExplainedRemedy
    guards: tuple[GuardAnswer, ...]
    next_failure: NextFailureResult
