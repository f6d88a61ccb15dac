"""Times in the output of the command line."""

from collections.abc import Iterator

import pytest

from sidecar.cli.output import localize_times, set_time_zone

REASON = "it is busy since 2026-01-02T03:00:00.500Z; certain after 300 s"


@pytest.fixture(autouse=True)
def utc_afterwards() -> Iterator[None]:
    yield
    set_time_zone("UTC")


def test_instants_within_a_reason_are_shown_in_the_zone() -> None:
    set_time_zone("Asia/Seoul")
    there = "2026-01-02T12:00:00+09:00"
    assert localize_times(REASON) == f"it is busy since {there}; certain after 300 s"


def test_instants_within_a_reason_stay_utc_without_a_zone() -> None:
    set_time_zone("UTC")
    there = "2026-01-02T03:00:00Z"
    assert localize_times(REASON) == f"it is busy since {there}; certain after 300 s"


def test_text_without_an_instant_stays_as_it_is() -> None:
    set_time_zone("Asia/Seoul")
    assert localize_times("exit 137, 2026-01-02") == "exit 137, 2026-01-02"
