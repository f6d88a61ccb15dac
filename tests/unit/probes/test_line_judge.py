"""Judgement of a log's lines: rules, runs, secrets, floods."""

import pytest

from sidecar.core.model.container import Container
from sidecar.core.model.log_mark import LogLine, LogMark, LogMatches, LogPosition
from sidecar.core.model.probe_settings import LogProbe, OnMatch
from sidecar.probes.line_judge import (
    BACKLOG_LINES,
    LATE_BACKLOG_LINES,
    LATE_S,
    LineJudge,
)
from sidecar.telemetry.secret_mask import Mask
from tests.support.fakes import EPOCH, a_container

ERRORS = LogProbe(patterns=("error",), cooldown_s=60.0)
FAILS = LogProbe(patterns=("error",), cooldown_s=60.0, on_match=OnMatch.FAIL)
CONTAINER = a_container(started_at=EPOCH)


def a_line(text: str, at: float) -> LogLine:
    return LogLine(round((EPOCH + at) * 1e9), text.encode(), len(text))


class Lab:
    """A judge; the engine's time is that of the last line, unless it is set."""

    def __init__(self, mark: LogMark | None = None, mask: Mask | None = None) -> None:
        self.now = EPOCH
        self.judge = LineJudge(mask or Mask(), mark or LogMark("c1"))
        self.judge.open_again()

    def write(self, text: str, at: float) -> bool:
        self.now = EPOCH + at
        return self.judge.take(a_line(text, at))

    def matches(
        self, settings: LogProbe = ERRORS, container: Container = CONTAINER
    ) -> LogMatches | None:
        return self.judge.find_match(settings, container, self.now)


def test_line_is_judged_by_the_rules_that_are_asked_for() -> None:
    lab = Lab()
    assert lab.write("an error", 1.0)
    assert lab.matches() is None, "nobody had asked for it when it was written"
    lab.write("another error", 2.0)
    matches = lab.matches()
    assert matches is not None
    assert (matches.what, matches.quote) == ("error", "another error")
    lab.now += 60.0
    assert lab.matches() is None


def test_warning_lasts_over_a_restart_and_a_failure_does_not() -> None:
    lab = Lab()
    lab.matches(ERRORS)
    lab.matches(FAILS)
    lab.write("an error", 10.0)
    assert lab.matches(ERRORS)
    assert lab.matches(FAILS)
    restarted = a_container(started_at=EPOCH + 11.0)
    assert lab.matches(ERRORS, restarted)
    assert lab.matches(FAILS, restarted) is None
    lab.write("an error of the new run", 12.0)
    matches = lab.matches(FAILS, restarted)
    assert matches is not None
    assert matches.quote == "an error of the new run"


def test_line_dated_just_before_its_run_counts() -> None:
    """The engine dates the begin of a run after its first lines."""
    lab = Lab()
    lab.matches(FAILS)
    lab.write("an error", 10.0)
    assert lab.matches(FAILS, a_container(started_at=EPOCH + 10.05))


def test_stored_mark_goes_on_and_no_line_counts_twice() -> None:
    rule = LogProbe(patterns=("error",), count=3, window_s=600.0)
    lab = Lab()
    lab.matches(rule)
    lab.write("error 1", 1.0)
    stored = LogMark("c1", lab.judge.progress.position, lab.judge.progress.matches)
    lab.write("error 2", 2.0)
    again = Lab(stored)
    again.matches(rule)
    again.write("error 1", 1.0)
    again.write("error 2", 2.0)
    assert again.matches(rule) is None
    assert again.judge.progress.matched == 1
    again.write("error 3", 3.0)
    assert again.matches(rule)


def test_secret_in_the_quoted_line_is_masked_whole() -> None:
    mask = Mask()
    mask.learn(["sesame-4711-opens"])
    lab = Lab(mask=mask)
    lab.matches()
    lab.write("x" * 190 + " error sesame-4711-opens", 1.0)
    matches = lab.matches()
    assert matches is not None
    assert "sesame" not in matches.quote
    assert len(matches.quote) <= 200


def test_key_that_began_in_lines_before_is_masked() -> None:
    lab = Lab()
    lab.matches(LogProbe(patterns=("QQzz",)))
    lab.write("-----BEGIN PRIVATE KEY-----", 1.0)
    lab.write("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj", 1.1)
    lab.write("QQzzAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4", 1.2)
    matches = lab.matches(LogProbe(patterns=("QQzz",)))
    assert matches is not None
    assert "QQzz" not in matches.quote


def test_control_characters_of_a_line_are_not_shown() -> None:
    lab = Lab()
    lab.matches()
    lab.write("\x1b[31merror\x1b[0m \x1b]0;title\x07\u202eevil", 1.0)
    matches = lab.matches()
    assert matches is not None
    assert matches.quote == "error evil"


def read_lines_late(lab: Lab, count: int, late_s: float) -> bool:
    """Read so many lines, the last of them late; is another one wanted?"""
    before = lab.judge.progress
    for i in range(count):
        assert lab.judge.take(a_line("words", i / 1e6))
    lab.judge.stop_if_late(before, EPOCH + count / 1e6 + late_s)
    return lab.judge.take(a_line("words", 1.0))


def test_reader_that_is_late_stops_and_then_reads_the_newest_lines_alone() -> None:
    lab = Lab()
    assert not read_lines_late(lab, BACKLOG_LINES + 1, LATE_S + 1.0)
    _, lines = lab.judge.open_again()
    assert lines == LATE_BACKLOG_LINES
    _, lines = lab.judge.open_again()
    assert lines == BACKLOG_LINES


@pytest.mark.parametrize(
    ("count", "late_s"),
    [(BACKLOG_LINES, 86_400.0), (BACKLOG_LINES + 1, LATE_S - 1.0)],
    ids=["a log that was just opened", "a little late"],
)
def test_reader_goes_on(count: int, late_s: float) -> None:
    assert read_lines_late(Lab(), count, late_s)


def test_silent_log_is_not_late() -> None:
    lab = Lab()
    for i in range(BACKLOG_LINES + 1):
        lab.judge.take(a_line("words", i / 1e6))
    lab.judge.stop_if_late(lab.judge.progress, EPOCH + 86_400.0)
    assert lab.judge.take(a_line("words", 1.0))


def test_what_was_left_out_is_counted() -> None:
    lab = Lab()
    lab.matches()
    lab.write("words", 1.0)
    lab.judge.open_again()
    for i in range(600):
        lab.write("w" * 100, 61.0 + i / 1000)
    progress = lab.judge.progress
    assert progress.skipped_s == pytest.approx(60.0)
    assert progress.skipped_bytes == pytest.approx(60.0 * 100_000, rel=0.01)


def test_lines_of_before_the_mark_are_not_judged() -> None:
    position = LogPosition(round((EPOCH + 5.0) * 1e9))
    lab = Lab(LogMark("c1", position))
    lab.matches()
    lab.write("an old error", 5.0)
    assert lab.matches() is None
