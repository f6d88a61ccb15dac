"""Outages of the history, from its records."""

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

from sidecar.api_types.records import (
    DecisionRecord,
    HistoryRecord,
    OutcomeRecord,
    TransitionRecord,
)
from sidecar.cli.recorded_outages import find_outages
from sidecar.core.model.cause import Cause
from sidecar.core.model.recorded_outage import RecordedOutage


def instant(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat().replace("+00:00", "Z")


def change(
    wall: float,
    state: str,
    cause: str | None = None,
    target: str = "wallet",
    drill: str | UnsetType = UNSET,
) -> HistoryRecord:
    return TransitionRecord(
        at=instant(wall),
        target=target,
        incident=None,
        to=state,
        cause=cause,
        drill=drill,
    )


def remedy(
    wall: float, outcome: str, action: str = "restart", trigger: str = "failure"
) -> HistoryRecord:
    return OutcomeRecord(
        at=instant(wall),
        target="wallet",
        incident=None,
        action=action,
        trigger=trigger,
        outcome=outcome,
    )


def test_outage_lasts_from_the_first_failure_until_it_works() -> None:
    records = [
        change(10.0, "failing", "refused"),
        change(14.0, "down", "refused"),
        change(14.0, "recovering", "refused"),
        remedy(24.0, "not_recovered"),
        remedy(40.0, "recovered"),
        change(40.0, "healthy"),
    ]
    assert find_outages(records) == (
        RecordedOutage("wallet", Cause.REFUSED, 10.0, 40.0, 2, is_cured=True),
    )


def test_outage_that_ends_by_itself_is_not_cured() -> None:
    records = [
        change(10.0, "down", "http_5xx"),
        remedy(20.0, "not_recovered"),
        remedy(21.0, "recovered", action="load_wallet"),
        remedy(22.0, "recovered", trigger="planned"),
        change(50.0, "degraded"),
    ]
    assert find_outages(records) == (
        RecordedOutage("wallet", Cause.HTTP_5XX, 10.0, 50.0, 1),
    )


def test_outages_of_targets_are_apart_and_may_last() -> None:
    records = [
        change(10.0, "down", "hung"),
        change(11.0, "failing", "a cause of a newer sidecar", "pay-1"),
        DecisionRecord(at=instant(12.0), target="pay-1", incident=None),
        change(20.0, "healthy"),
    ]
    assert find_outages(records) == (
        RecordedOutage("wallet", Cause.HUNG, 10.0, 20.0),
        RecordedOutage("pay-1", None, 11.0, None),
    )


def test_drill_is_no_outage_and_a_real_one_right_after_it_is() -> None:
    records = [
        change(10.0, "down", "refused", drill="01J"),
        remedy(15.0, "recovered"),
        change(20.0, "healthy", drill="01J"),
        change(30.0, "down", "hung"),
        change(40.0, "healthy"),
    ]
    assert find_outages(records) == (RecordedOutage("wallet", Cause.HUNG, 30.0, 40.0),)


def test_planned_restart_is_no_outage() -> None:
    records = [change(10.0, "recovering"), change(20.0, "healthy")]
    assert find_outages(records) == ()
