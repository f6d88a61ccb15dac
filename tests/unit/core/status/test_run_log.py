"""Attribution of log lines to the runs of a container."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.instance import RunInterval
from sidecar.core.status import run_log
from sidecar.core.status.run_log import MAX_RUNS, find_run_start, select_lines
from tests.support.fakes import EPOCH, a_container
from tests.support.rule_world import RuleWorld

ROOT = "electron-cash"


def with_timestamps(*lines: tuple[float, str]) -> str:
    """Lines as the engine gives them: nanoseconds, and a line end after each."""
    return "".join(
        f"{datetime.fromtimestamp(EPOCH + at, UTC):%Y-%m-%dT%H:%M:%S.%f}789Z {words}\n"
        for at, words in lines
    )


def texts_of_lines(texts: tuple[str, ...]) -> list[list[str]]:
    return [[line.partition(" ")[2] for line in text.split("\n")] for text in texts]


LOG = with_timestamps((0.0, "denied"), (1.0, "ends"), (60.0, "starts"), (61.0, "works"))


@pytest.mark.parametrize(
    ("starts", "until", "expected"),
    [
        ((59.0,), math.inf, [["starts", "works"]]),
        ((-1.0,), 59.0, [["denied", "ends"]]),
        ((62.0,), math.inf, []),
        ((-1.0, 59.0), math.inf, [["denied", "ends"], ["starts", "works"]]),
        ((-1.0, 30.0, 59.0), math.inf, [["denied", "ends"], ["starts", "works"]]),
        ((60.5,), math.inf, [["works"]]),
    ],
)
def test_lines_are_of_the_run_in_which_they_were_written(
    starts: tuple[float, ...], until: float, expected: list[list[str]]
) -> None:
    at = tuple(EPOCH + moment for moment in starts)
    assert texts_of_lines(select_lines(LOG, at, EPOCH + until)) == expected


def test_a_line_without_a_time_is_of_the_run_of_the_line_before() -> None:
    log = (
        with_timestamps((0.0, "denied"))
        + "a b\n"
        + with_timestamps((60.0, "starts"))
        + "c d\n"
    )
    assert texts_of_lines(select_lines(log, (EPOCH + 59.0,), math.inf)) == [
        ["starts", "d"]
    ]
    assert select_lines("no time\n", (EPOCH,), math.inf) == ("no time",)
    assert select_lines("2024-01-02 no zone\n", (EPOCH,), math.inf) != ()


def test_a_time_in_whole_seconds_may_be_that_of_a_start_within_the_second() -> None:
    """So Podman stamps lines."""
    log = "".join(
        f"{datetime.fromtimestamp(EPOCH + at, UTC):%Y-%m-%dT%H:%M:%SZ} {words}\n"
        for at, words in ((0.0, "ends"), (60.0, "starts"), (61.0, "works"))
    )
    lines = select_lines(log, (EPOCH + 60.7,), EPOCH + 61.0)
    assert texts_of_lines(lines) == [["starts"]]


def test_an_empty_log_has_no_runs() -> None:
    assert select_lines("", (EPOCH,), math.inf) == ()
    assert select_lines("\n \n", (EPOCH,), math.inf) == ()


def test_a_first_line_may_be_stamped_a_moment_before_the_start() -> None:
    """Seen with engine 26.1: up to 4 ms. The run before has ended well before."""
    only = a_container(started_at=EPOCH)
    assert EPOCH - 0.5 < find_run_start(only) < EPOCH - 0.01
    soon = replace(only, finished_at=EPOCH - 0.2)
    assert find_run_start(soon) == pytest.approx(EPOCH - 0.1)
    late = replace(only, finished_at=EPOCH - 86_400.0)
    assert find_run_start(late) == EPOCH - 1.0


def test_end_of_the_current_run_is_not_that_of_the_run_before() -> None:
    ended = a_container(started_at=EPOCH, finished_at=EPOCH + 5.0)
    assert find_run_start(ended) == pytest.approx(EPOCH - 0.1)
    runs = (
        RunInterval(EPOCH - 9.0, EPOCH - 0.2),
        RunInterval(EPOCH - 0.1, EPOCH + 5.0),
    )
    assert find_run_start(ended, runs) == pytest.approx(EPOCH - 0.1)


def crash(world: RuleWorld) -> None:
    world.exits(ROOT, restart_policy="always", finished_at=world.now.wall)
    world.now_s += 1.0
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.now_s += 1.0


def test_crash_loop_has_evidence_of_each_run_and_others_of_one() -> None:
    world = RuleWorld()
    for _ in range(3):
        crash(world)
    instance = world.instance(ROOT)
    assert instance.looping
    assert len(instance.runs) == 3
    loop = world.last(ROOT)
    assert loop.cause is Cause.CRASH_LOOP
    assert len(loop.begun) == 3
    assert list(loop.begun) == sorted(loop.begun)
    alone = run_log.run_starts(instance, Cause.REFUSED)
    assert len(alone) == 1
    container = instance.container
    assert container is not None
    assert alone[0] < container.started_at
    assert alone[0] > instance.runs[-1].ended


def test_lines_of_a_missed_start_belong_to_the_run_before_its_end() -> None:
    """A late event: the known run may be a later or still an earlier one."""
    world = RuleWorld()
    crash(world)
    first, now = world.instance(ROOT).runs[-1], world.now.wall
    instance = run_log.add_run_end(world.instance(ROOT), now - 0.5, current=False)
    assert instance.runs[-1] == RunInterval(first.ended, now - 0.5)
    stale = replace(world.instance(ROOT), container=a_container(started_at=EPOCH))
    assert run_log.add_run_end(stale, now, current=True).runs[-1].began == first.ended


def test_repeated_run_end_counts_once_and_few_runs_are_kept() -> None:
    instance = RuleWorld().instance(ROOT)
    for at in (1.0, 2.0, 2.0, 1.0):
        instance = run_log.add_run_end(instance, EPOCH + at, current=False)
    assert [run.ended - EPOCH for run in instance.runs] == [1.0, 2.0]
    for nth in range(3 * MAX_RUNS):
        instance = run_log.add_run_end(instance, EPOCH + 3.0 + nth, current=False)
    assert len(instance.runs) == MAX_RUNS
