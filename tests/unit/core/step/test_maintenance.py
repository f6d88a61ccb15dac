"""Maintenance tasks: begun once at a time, recorded when they end or were missed."""

from dataclasses import replace

from sidecar.core.model.event import Event
from sidecar.core.model.lease import ClusterSettings, LeaseStatus, OnLost
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.maintenance_task import (
    Task,
    TaskKind,
    TaskOutcome,
    TaskResult,
    TaskRun,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.task_event import (
    TaskCompleted,
    TaskDue,
    TaskRequested,
    TasksPlanned,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from sidecar.core.step.step import run_step

AT = Moment(100.0, 1_700_000_000.0)
PING = Task("ping", TaskKind.HTTP, "0 4 * * *")
CLEAN_UP = Task("clean-up", TaskKind.CLEAN_UP, "0 4 * * *")
DONE = TaskResult(TaskOutcome.DONE, text_reason("it is done"))


def later(seconds: float) -> Moment:
    return Moment(AT.mono + seconds, AT.wall + seconds)


class TaskWorld:
    """A state with tasks, and the runs of the last event."""

    def __init__(self, *tasks: Task) -> None:
        self.state = State(started=AT)
        self.send(TasksPlanned(AT, tasks))

    def send(self, event: Event) -> tuple[TaskRun, ...]:
        result = run_step(self.state, event)
        self.state = result.state
        return result.task_runs


def test_due_task_begins_and_its_result_is_recorded() -> None:
    world = TaskWorld(PING)
    (run,) = world.send(TaskDue(later(60), "ping", AT.wall + 60))
    assert run.outcome is None
    assert world.state.task_progress["ping"].running == run
    assert world.state.task_progress["ping"].taken_wall == AT.wall + 60
    (ended,) = world.send(TaskCompleted(later(90), "ping", DONE))
    assert (ended.outcome, ended.seconds) == (TaskOutcome.DONE, 30.0)
    assert ended.ended_wall == AT.wall + 90
    progress = world.state.task_progress["ping"]
    assert (progress.running, progress.last) == (None, ended)


def test_task_that_is_due_while_it_runs_is_skipped() -> None:
    world = TaskWorld(PING)
    world.send(TaskDue(AT, "ping", AT.wall))
    (skipped,) = world.send(TaskDue(later(60), "ping", AT.wall + 60))
    assert skipped.outcome is TaskOutcome.SKIPPED
    assert skipped.summary.code is R.TASK_STILL_RUNS
    assert world.state.task_progress["ping"].running is not None
    assert world.state.task_progress["ping"].taken_wall == AT.wall + 60


def test_missed_task_is_recorded_and_not_made_up_for() -> None:
    world = TaskWorld(PING)
    (missed,) = world.send(TaskDue(later(900), "ping", None, 3, AT.wall + 60))
    assert missed.outcome is TaskOutcome.MISSED
    assert (missed.missed, missed.due_wall) == (3, AT.wall + 60)
    assert world.state.task_progress["ping"].running is None
    assert world.state.task_progress["ping"].taken_wall == AT.wall + 60


def test_missed_clean_up_is_made_up_for_once() -> None:
    world = TaskWorld(CLEAN_UP)
    world.send(TaskCompleted(later(1), "clean-up", DONE))
    (run,) = world.send(TaskDue(later(900), "clean-up", None, 3, AT.wall + 60))
    assert run.outcome is None
    assert run.due_wall == AT.wall + 60


def test_new_clean_up_runs_at_once_and_a_new_task_of_another_kind_waits() -> None:
    world = TaskWorld()
    (run,) = world.send(TasksPlanned(later(1), (PING, CLEAN_UP)))
    assert (run.task, run.outcome) == ("clean-up", None)
    assert world.send(TasksPlanned(later(2), (PING, CLEAN_UP))) == ()


def test_run_after_missed_ones_begins_beside_their_record() -> None:
    world = TaskWorld(PING)
    event = TaskDue(later(900), "ping", AT.wall + 900, 1, AT.wall + 60)
    missed, run = world.send(event)
    assert missed.outcome is TaskOutcome.MISSED
    assert (run.outcome, run.due_wall) == (None, AT.wall + 900)


def test_requested_run_takes_no_time_of_the_schedule() -> None:
    world = TaskWorld(PING)
    (run,) = world.send(TaskRequested(later(5), "ping"))
    assert run.is_requested
    assert world.state.task_progress["ping"].taken_wall == AT.wall
    assert world.send(TaskRequested(later(6), "ping")) == ()
    assert world.send(TaskRequested(later(6), "nobody")) == ()


def test_changed_schedule_begins_now_and_keeps_the_last_run() -> None:
    world = TaskWorld(PING)
    world.send(TaskDue(AT, "ping", AT.wall))
    (ended,) = world.send(TaskCompleted(later(1), "ping", DONE))
    world.send(TasksPlanned(later(50), (replace(PING, cron="0 5 * * *"),)))
    progress = world.state.task_progress["ping"]
    assert (progress.taken_wall, progress.last) == (AT.wall + 50, ended)


def test_removed_task_is_forgotten_once_its_run_has_ended() -> None:
    world = TaskWorld(PING)
    world.send(TaskDue(AT, "ping", AT.wall))
    world.send(TasksPlanned(later(1), ()))
    assert world.state.task_progress["ping"].running is not None
    (ended,) = world.send(TaskCompleted(later(2), "ping", DONE))
    assert ended.outcome is TaskOutcome.DONE
    assert world.state.task_progress == {}
    assert world.send(TaskCompleted(later(3), "ping", DONE)) == ()


def test_run_of_a_dead_process_is_recorded_as_interrupted_once() -> None:
    world = TaskWorld(PING)
    (run,) = world.send(TaskDue(AT, "ping", AT.wall))
    started = Moment(7.0, AT.wall + 300)
    world.state = restore_state(world.state, later(5), started)
    (interrupted,) = world.send(TasksPlanned(started, (PING,)))
    assert interrupted.outcome is TaskOutcome.INTERRUPTED
    assert interrupted.due_wall == run.due_wall
    progress = world.state.task_progress["ping"]
    assert (progress.running, progress.last) == (None, interrupted)
    assert progress.taken_wall == AT.wall
    assert world.send(TasksPlanned(started, (PING,))) == ()


def with_lease(world: TaskWorld, **changes: object) -> None:
    status = LeaseStatus(ClusterSettings("redis://redis"), "own", asked=True)
    world.send(LeaseObserved(AT, replace(status, **changes)))  # type: ignore[arg-type]


def test_task_of_another_watchdog_takes_its_time_and_records_nothing() -> None:
    world = TaskWorld(PING, CLEAN_UP)
    with_lease(world, holder="b")
    assert world.send(TaskDue(later(60), "ping", AT.wall + 60)) == ()
    assert world.send(TaskDue(later(900), "ping", None, 3, AT.wall + 800)) == ()
    progress = world.state.task_progress["ping"]
    assert (progress.running, progress.last) == (None, None)
    assert progress.taken_wall == AT.wall + 800
    # Each watchdog cleans its own store, and an operator's run is a run.
    world.send(TaskCompleted(later(1), "clean-up", DONE))
    assert len(world.send(TaskDue(later(60), "clean-up", AT.wall + 60))) == 1
    assert len(world.send(TaskRequested(later(90), "ping"))) == 1


def is_running(world: TaskWorld) -> bool:
    return world.state.task_progress["ping"].running is not None


HELD = {"token": 7, "until_mono": 1e9}


def observe_lease(world: TaskWorld, seconds: float, **changes: object) -> list[TaskRun]:
    status = LeaseStatus(ClusterSettings("redis://redis"), "own", asked=True)
    observed = replace(status, **changes)  # type: ignore[arg-type]  # its fields
    return list(world.send(LeaseObserved(later(seconds), observed)))


def test_task_that_is_due_while_the_lease_is_free_is_run_by_the_next_holder() -> None:
    world = TaskWorld(PING)
    with_lease(world)
    assert world.send(TaskDue(later(60), "ping", AT.wall + 60)) == ()
    assert observe_lease(world, 62) == []
    (run,) = observe_lease(world, 65, **HELD)
    assert (run.outcome, run.due_wall) == (None, AT.wall + 60)
    assert observe_lease(world, 70, **HELD) == []


def test_task_that_is_due_while_the_lease_is_free_is_left_to_another_holder() -> None:
    world = TaskWorld(PING)
    with_lease(world)
    world.send(TaskDue(later(60), "ping", AT.wall + 60))
    assert observe_lease(world, 65, holder="b") == []
    assert world.state.task_progress["ping"].taken_wall == AT.wall + 60
    assert observe_lease(world, 90, holder="b") == []
    assert observe_lease(world, 95, **HELD) == []
    assert not is_running(world)


def test_task_for_which_no_watchdog_gets_the_lease_is_recorded_as_missed() -> None:
    world = TaskWorld(PING)
    with_lease(world)
    world.send(TaskDue(later(60), "ping", AT.wall + 60))
    assert observe_lease(world, 600) == []
    (missed,) = observe_lease(world, 661)
    assert (missed.outcome, missed.missed) == (TaskOutcome.MISSED, 1)
    assert observe_lease(world, 700, **HELD) == []


def test_task_that_is_due_again_while_the_lease_is_free_has_missed_the_first_time() -> (
    None
):
    world = TaskWorld(PING)
    with_lease(world)
    world.send(TaskDue(later(60), "ping", AT.wall + 60))
    world.send(TaskDue(later(120), "ping", AT.wall + 120))
    missed, run = observe_lease(world, 125, **HELD)
    assert (missed.missed, missed.due_wall) == (1, AT.wall + 60)
    assert (run.outcome, run.due_wall) == (None, AT.wall + 120)


def test_task_whose_holder_ends_at_the_due_time_is_recorded_by_the_next_one() -> None:
    """Whether the dead watchdog has run it is not known."""
    world = TaskWorld(PING)
    with_lease(world, holder="b")
    world.send(TaskDue(later(60), "ping", AT.wall + 60))
    assert observe_lease(world, 65, holder="b") == []
    (missed,) = observe_lease(world, 75, **HELD)
    assert missed.outcome is TaskOutcome.MISSED
    assert missed.summary.code is R.TASK_LEFT_TO_DEAD
    assert missed.due_wall == AT.wall + 60
    assert observe_lease(world, 80, **HELD) == []


def test_task_of_a_holder_that_goes_on_is_not_recorded_at_a_later_takeover() -> None:
    world = TaskWorld(PING)
    with_lease(world, holder="b")
    world.send(TaskDue(later(60), "ping", AT.wall + 60))
    assert observe_lease(world, 80, holder="b") == []
    assert observe_lease(world, 85, **HELD) == []


def test_task_is_missed_if_nothing_is_done_without_redis() -> None:
    world = TaskWorld(PING)
    settings = ClusterSettings("redis://redis", on_lost=OnLost.HOLD)
    lost = {"settings": settings, "lost": "timeout", "rank": 1}
    with_lease(world, **lost)
    assert world.send(TaskDue(later(60), "ping", AT.wall + 60)) == ()
    (missed,) = observe_lease(world, 661, **lost)
    assert missed.outcome is TaskOutcome.MISSED
    assert missed.summary.code is R.TASK_HOLDER_UNKNOWN


def test_task_without_redis_is_run_by_the_first_watchdog() -> None:
    for rank, count in ((0, 1), (1, 1), (2, 0)):
        world = TaskWorld(PING)
        with_lease(world, lost="timeout", rank=rank)
        assert len(world.send(TaskDue(later(60), "ping", AT.wall + 60))) == count
