"""Memory of the prober about a daemon: fatal calls, and when to count addresses."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.reason.reason import text_reason
from sidecar.probes import fatal_calls
from sidecar.probes.address_counts import AddressCounts
from sidecar.probes.fatal_calls import FatalCalls

PLACE, OTHER_PLACE = "electron-cash:7777", "sister:7777"
RUNS = [RunId("c1", float(number)) for number in range(6)]
CALL = "getinfo"


def broken_result(waited_s: float = 0.0, method: str = CALL) -> ProbeResult:
    result = probe_failure(Cause.RESET, text_reason("it broke off"))
    return replace(result, broke_on=method, waited_s=waited_s)


REFUSED = probe_failure(Cause.REFUSED, text_reason("refused"))


# Fatal calls


def note_death(calls: FatalCalls, run: RunId, method: str = CALL) -> None:
    """The connection breaks during the call, and the port is closed then."""
    calls.note(PLACE, run, broken_result(method=method))
    calls.note(PLACE, run, REFUSED)


def test_a_call_is_not_sent_again_to_a_daemon_that_died_of_it_twice() -> None:
    calls = FatalCalls()
    note_death(calls, RUNS[0])
    assert calls.methods_to_avoid(PLACE, RUNS[1]) == frozenset()
    note_death(calls, RUNS[1])
    assert calls.methods_to_avoid(PLACE, RUNS[2]) == {CALL}
    assert calls.methods_to_avoid(OTHER_PLACE, RUNS[2]) == frozenset()


def test_a_run_that_ends_before_it_is_asked_again_died_of_the_call() -> None:
    calls = FatalCalls()
    for run in RUNS[:2]:
        calls.note(PLACE, run, broken_result())
    assert calls.methods_to_avoid(PLACE, RUNS[2]) == {CALL}


@pytest.mark.parametrize(
    "after",
    [
        probe_success(),
        probe_failure(Cause.HUNG, text_reason("x")),
        probe_failure(Cause.RESET, text_reason("x")),
    ],
)
def test_call_is_not_fatal_when_the_daemon_lives_on(after: ProbeResult) -> None:
    calls = FatalCalls()
    for run in RUNS[:3]:
        calls.note(PLACE, run, broken_result())
        calls.note(PLACE, run, after)
    assert calls.methods_to_avoid(PLACE, RUNS[3]) == frozenset()


def test_late_break_of_a_connection_is_not_counted_as_fatal() -> None:
    calls = FatalCalls()
    for run in RUNS[:3]:
        calls.note(PLACE, run, broken_result(fatal_calls.DIES_WITHIN_S + 0.1))
        calls.note(PLACE, run, REFUSED)
    assert calls.methods_to_avoid(PLACE, RUNS[3]) == frozenset()


def test_two_calls_are_counted_apart() -> None:
    calls = FatalCalls()
    note_death(calls, RUNS[0])
    note_death(calls, RUNS[1], "getbalance")
    assert calls.methods_to_avoid(PLACE, RUNS[2]) == frozenset()
    note_death(calls, RUNS[2], "getbalance")
    assert calls.methods_to_avoid(PLACE, RUNS[3]) == {"getbalance"}


def test_answer_to_a_fatal_call_clears_its_count() -> None:
    calls = FatalCalls()
    note_death(calls, RUNS[0])
    note_death(calls, RUNS[1])
    calls.forget(PLACE, CALL)
    assert calls.methods_to_avoid(PLACE, RUNS[2]) == frozenset()


def test_after_a_run_that_ended_otherwise_the_call_is_tried_once_more() -> None:
    calls = FatalCalls()
    note_death(calls, RUNS[0])
    note_death(calls, RUNS[1])
    assert calls.methods_to_avoid(PLACE, RUNS[2]) == {CALL}
    # The call was not sent to that run, so something else ended the run.
    assert calls.methods_to_avoid(PLACE, RUNS[3]) == frozenset()
    note_death(calls, RUNS[3])
    assert calls.methods_to_avoid(PLACE, RUNS[4]) == {CALL}


# When addresses are counted

MANY = 10_000


def test_a_run_that_was_not_counted_is_due() -> None:
    counts = AddressCounts()
    assert counts.is_due(PLACE, RUNS[0], 0.0)
    counts.note(PLACE, RUNS[0], MANY, took_s=0.001, now_mono=0.0)
    assert not counts.is_due(PLACE, RUNS[0], 0.0)
    assert counts.is_due(PLACE, RUNS[1], 0.0)
    assert counts.is_due(OTHER_PLACE, RUNS[0], 0.0)


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.001, 5.0), (0.009, 45.0)])
def test_counting_takes_a_small_share_of_the_thread(
    took_s: float, pause_s: float
) -> None:
    counts = AddressCounts()
    counts.note(PLACE, RUNS[0], MANY, took_s=took_s, now_mono=100.0)
    assert not counts.is_due(PLACE, RUNS[0], 100.0 + pause_s - 0.1)
    assert counts.is_due(PLACE, RUNS[0], 100.0 + pause_s)


def test_wait_for_other_calls_is_no_cost_of_counting() -> None:
    counts = AddressCounts()
    counts.note(PLACE, RUNS[0], None, took_s=30.0, now_mono=0.0)
    assert counts.is_due(PLACE, RUNS[0], 50.0)
    counts.note(PLACE, RUNS[0], MANY, took_s=0.001, now_mono=100.0)
    counts.note(PLACE, RUNS[0], MANY, took_s=30.0, now_mono=200.0)
    assert counts.is_due(PLACE, RUNS[0], 210.0)


def test_a_small_wallet_is_counted_often_on_a_loaded_machine() -> None:
    counts = AddressCounts()
    for now_mono in (0.0, 100.0, 200.0):
        counts.note(PLACE, RUNS[0], 20, took_s=0.5, now_mono=now_mono)
        assert not counts.is_due(PLACE, RUNS[0], now_mono + 14.0)
        assert counts.is_due(PLACE, RUNS[0], now_mono + 15.0)


def test_a_wallet_that_takes_long_to_count_is_counted_rarely() -> None:
    counts, now_mono = AddressCounts(), 0.0
    pauses = []
    for _ in range(6):
        counts.note(PLACE, RUNS[0], MANY, took_s=0.1, now_mono=now_mono)
        began = now_mono
        while not counts.is_due(PLACE, RUNS[0], now_mono):
            now_mono += 1.0
        pauses.append(now_mono - began)
    assert pauses[0] == pytest.approx(50.0, abs=1.0)
    assert pauses[-1] == pytest.approx(500.0, abs=1.0)
