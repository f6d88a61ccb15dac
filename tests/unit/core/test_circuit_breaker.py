"""The circuit breaker, with given times."""

import pytest

from sidecar.core.circuit_breaker import BreakerState, CircuitBreaker


def open_breaker(at: float = 10.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker = breaker.record_call(at).record_failure(at)
    return breaker


def test_breaker_opens_at_the_fifth_failure_in_a_row_and_no_sooner() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker = breaker.record_call(10.0).record_failure(10.0)
        assert breaker.state(10.0) is BreakerState.CLOSED
    breaker = breaker.record_call(10.0).record_failure(10.0)
    assert breaker.state(10.0) is BreakerState.OPEN
    assert breaker.wait_s(10.0) == 120.0


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker = breaker.record_failure(10.0)
    breaker = breaker.record_success()
    for _ in range(4):
        breaker = breaker.record_failure(11.0)
    assert breaker.state(11.0) is BreakerState.CLOSED


@pytest.mark.parametrize(
    ("now", "wait_s", "state"),
    [
        (10.0, 120.0, BreakerState.OPEN),
        (129.9, pytest.approx(0.1), BreakerState.OPEN),
        (130.0, 0.0, BreakerState.HALF_OPEN),
        (500.0, 0.0, BreakerState.HALF_OPEN),
    ],
)
def test_breaker_is_half_open_after_two_minutes(
    now: float, wait_s: float, state: BreakerState
) -> None:
    assert open_breaker().wait_s(now) == wait_s
    assert open_breaker().state(now) is state


def test_half_open_breaker_lets_one_trial_through() -> None:
    breaker = open_breaker().record_call(130.0)
    assert breaker.state(130.0) is BreakerState.HALF_OPEN
    assert breaker.wait_s(130.0) == 120.0


def test_successful_trial_closes_the_breaker() -> None:
    closed = open_breaker().record_call(130.0).record_success()
    assert closed == CircuitBreaker()


def test_failed_trial_opens_the_breaker_for_another_two_minutes() -> None:
    again = open_breaker().record_call(130.0).record_failure(133.0)
    assert again.state(133.0) is BreakerState.OPEN
    assert again.wait_s(133.0) == 120.0
    assert again.state(253.0) is BreakerState.HALF_OPEN


def test_a_trial_that_never_reports_is_followed_by_another() -> None:
    breaker = open_breaker().record_call(130.0)
    assert breaker.wait_s(250.0) == 0.0
    assert breaker.record_call(250.0).wait_s(251.0) == 119.0


def test_failures_of_earlier_calls_do_not_prolong_the_opening() -> None:
    late = open_breaker(10.0).record_failure(60.0)
    assert late.wait_s(60.0) == 70.0


def test_threshold_and_retry_time_are_parameters() -> None:
    breaker = CircuitBreaker(threshold=1, retry_after_s=3.0).record_failure(1.0)
    assert breaker.state(3.9) is BreakerState.OPEN
    assert breaker.state(4.0) is BreakerState.HALF_OPEN
