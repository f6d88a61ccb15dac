"""Expectations: each is compared, and says what it expected and what was."""

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.guard import Guard
from sidecar.core.model.scenario import Expectation
from sidecar.core.model.target_state import TargetState
from sidecar.simulation.record import SimulationRecord
from sidecar.simulation.verdict import FinalInstance, find_failures

END_S = 100.0
INSTANCES = (
    FinalInstance("wallet", "wallet", TargetState.HEALTHY),
    FinalInstance("pay-1", "pay", TargetState.DOWN),
    FinalInstance("pay-2", "pay", TargetState.HEALTHY),
)


def make_record() -> SimulationRecord:
    record = SimulationRecord(0.0)
    record.restarts.update({"wallet": 1, "pay-1": 2, "pay-2": 1})
    record.guards["wallet"] = {Guard.BACKOFF}
    record.causes["wallet"] = [Cause.HUNG, Cause.REFUSED]
    record.message_count.update({"wallet": 2, "pay": 1})
    record.note_state(0.0, "wallet", TargetState.HEALTHY)
    record.note_state(10.0, "wallet", TargetState.DOWN)
    record.note_state(40.0, "wallet", TargetState.RECOVERING)
    record.note_state(50.0, "wallet", TargetState.STARTING)
    record.note_state(60.0, "wallet", TargetState.HEALTHY)
    return record


def failures_of(**expected: object) -> tuple[str, ...]:
    expectation = Expectation(**expected)  # type: ignore[arg-type]  # its fields
    return find_failures((expectation,), make_record(), INSTANCES, END_S)


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"restarts": 4, "messages": 3},
        {"target": "wallet", "restarts": 1, "state": TargetState.HEALTHY},
        {"target": "pay", "restarts": 3, "messages": 1},
        {"target": "pay-1", "restarts": 2, "state": TargetState.DOWN},
        {"target": "wallet", "unavailable_s": 40.0, "guard": Guard.BACKOFF},
        {"target": "wallet", "causes": (Cause.HUNG, Cause.REFUSED)},
        {"target": "pay", "causes": ()},
    ],
)
def test_expectation_that_is_met_has_no_line(expected: dict[str, object]) -> None:
    assert failures_of(**expected) == ()


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ({"restarts": 3}, "restarts: expected 3, was 4"),
        ({"messages": 0}, "messages: expected 0, was 3"),
        (
            {"target": "pay", "state": TargetState.HEALTHY},
            "state of pay-1: expected healthy, was down",
        ),
        (
            {"target": "wallet", "unavailable_s": 39.0},
            "wallet was unavailable for 40 s, not 39 s",
        ),
        (
            {"target": "wallet", "guard": Guard.BUDGET},
            "guard budget did not object; those that did: backoff",
        ),
        (
            {"target": "wallet", "causes": (Cause.HUNG,)},
            "causes: expected hung, was hung, refused",
        ),
    ],
)
def test_expectation_that_is_not_met_says_what_was(
    expected: dict[str, object], line: str
) -> None:
    assert failures_of(**expected) == (f"expect[0]: {line}",)
