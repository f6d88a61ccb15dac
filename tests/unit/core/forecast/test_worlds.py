"""Rates of the forecast on synthetic worlds; ``benchmarks/run forecast`` measures more.

The seeds are fixed, so the same series come each time.
"""

from statistics import median

import pytest

from benchmarks.forecast import OWED_ERROR, OWED_FOUND, judge_world
from benchmarks.memory_worlds import HARMLESS, LEAKS

SERIES = 12


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_memory_raises_no_alarm_at_any_time(name: str) -> None:
    assert judge_world(name, HARMLESS[name], SERIES).spoken == 0


@pytest.mark.parametrize("name", LEAKS)
def test_leak_is_found_with_its_hour_before_the_limit(name: str) -> None:
    findings = judge_world(name, LEAKS[name], SERIES)
    assert findings.spoken >= OWED_FOUND[name] * SERIES
    assert median(findings.errors) <= OWED_ERROR
    assert min(findings.shares_left) > 0.05
