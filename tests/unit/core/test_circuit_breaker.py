"""The circuit breaker, on a clock of our own."""

import pytest

from sidecar.core.circuit_breaker import BreakerState, CircuitBreaker


def opened(at: float = 10.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker = breaker.called(at).failed(at)
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row_and_no_sooner() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker = breaker.called(10.0).failed(10.0)
        assert breaker.state(10.0) is BreakerState.CLOSED
    breaker = breaker.called(10.0).failed(10.0)
    assert breaker.state(10.0) is BreakerState.OPEN
    assert breaker.wait_s(10.0) == 120.0


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker = breaker.failed(10.0)
    breaker = breaker.succeeded()
    for _ in range(4):
        breaker = breaker.failed(11.0)
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
def test_it_is_half_open_after_two_minutes(
    now: float, wait_s: float, state: BreakerState
) -> None:
    assert opened().wait_s(now) == wait_s
    assert opened().state(now) is state


def test_half_open_lets_one_trial_through() -> None:
    trying = opened().called(130.0)
    assert trying.state(130.0) is BreakerState.HALF_OPEN
    assert trying.wait_s(130.0) == 120.0


def test_a_trial_that_succeeds_closes_it() -> None:
    closed = opened().called(130.0).succeeded()
    assert closed == CircuitBreaker()


def test_a_trial_that_fails_opens_it_for_another_two_minutes() -> None:
    again = opened().called(130.0).failed(133.0)
    assert again.state(133.0) is BreakerState.OPEN
    assert again.wait_s(133.0) == 120.0
    assert again.state(253.0) is BreakerState.HALF_OPEN


def test_a_trial_that_never_reports_is_followed_by_another() -> None:
    lost = opened().called(130.0)
    assert lost.wait_s(250.0) == 0.0
    assert lost.called(250.0).wait_s(251.0) == 119.0


def test_failures_of_calls_begun_earlier_do_not_prolong_it() -> None:
    late = opened(10.0).failed(60.0)
    assert late.wait_s(60.0) == 70.0


def test_thresholds_are_the_owners() -> None:
    breaker = CircuitBreaker(threshold=1, retry_after_s=3.0).failed(1.0)
    assert breaker.state(3.9) is BreakerState.OPEN
    assert breaker.state(4.0) is BreakerState.HALF_OPEN
