"""Times in what the command line shows."""

from collections.abc import Iterator

import pytest

from sidecar.cli.output import in_zone, show_times_in

REASON = "it is busy since 2026-01-02T03:00:00.500Z; certain after 300 s"


@pytest.fixture(autouse=True)
def utc_afterwards() -> Iterator[None]:
    yield
    show_times_in("UTC")


def test_instants_within_a_reason_are_shown_in_the_zone() -> None:
    show_times_in("Asia/Seoul")
    there = "2026-01-02T12:00:00+09:00"
    assert in_zone(REASON) == f"it is busy since {there}; certain after 300 s"


def test_instants_within_a_reason_stay_utc_without_a_zone() -> None:
    show_times_in("UTC")
    there = "2026-01-02T03:00:00Z"
    assert in_zone(REASON) == f"it is busy since {there}; certain after 300 s"


def test_text_without_an_instant_stays_as_it_is() -> None:
    show_times_in("Asia/Seoul")
    assert in_zone("exit 137, 2026-01-02") == "exit 137, 2026-01-02"
