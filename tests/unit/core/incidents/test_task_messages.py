"""Messages about maintenance tasks: new problems, once a day, and their end."""

from dataclasses import replace

import pytest

from sidecar.core.model.maintenance_task import (
    Task,
    TaskKind,
    TaskNotify,
    TaskOutcome,
    TaskResult,
)
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.task_event import TaskCompleted, TaskDue, TasksPlanned
from sidecar.core.reason.reason import text_reason
from tests.support.maintenance_windows import HOUR_S, begin_window
from tests.support.notification_recipients import WALLET, Notifier

PING = Task("ping", TaskKind.HTTP, "0 * * * *")


def result(outcome: TaskOutcome) -> TaskResult:
    return TaskResult(outcome, text_reason("a result"), (text_reason("a line"),))


class TaskNotifier:
    """A task whose runs end as the test says; and the messages about them."""

    def __init__(self, task: Task = PING) -> None:
        self.notifier = Notifier(("ops",))
        self.world = self.notifier.world
        self.world.send(TasksPlanned(self.world.now, (task,)))

    def run(self, outcome: TaskOutcome) -> list[Message]:
        self.world.now_s += HOUR_S
        self.world.send(TaskDue(self.world.now, "ping", self.world.now.wall))
        self.world.send(TaskCompleted(self.world.now, "ping", result(outcome)))
        return self.notifier.new_messages()

    def kinds(self, *outcomes: TaskOutcome) -> list[MessageKind]:
        return [m.kind for outcome in outcomes for m in self.run(outcome)]


DONE, FAILED = TaskOutcome.DONE, TaskOutcome.FAILED
PROBLEM, GOOD = MessageKind.TASK_PROBLEM, MessageKind.TASK_DONE


def test_new_problem_and_its_end_are_told_once() -> None:
    tasks = TaskNotifier()
    assert tasks.kinds(DONE, FAILED, FAILED, FAILED, DONE, DONE) == [PROBLEM, GOOD]


def test_another_problem_is_told_as_well() -> None:
    tasks = TaskNotifier()
    kinds = tasks.kinds(FAILED, TaskOutcome.FINDINGS, TaskOutcome.FINDINGS)
    assert kinds == [PROBLEM, PROBLEM]


def test_problem_that_lasts_is_told_once_a_day() -> None:
    tasks = TaskNotifier()
    assert tasks.kinds(*[FAILED] * 45) == [PROBLEM] * 3


@pytest.mark.parametrize(
    ("notify", "expected"),
    [
        (TaskNotify.ALWAYS, [GOOD, PROBLEM, GOOD, GOOD]),
        (TaskNotify.PROBLEMS, [PROBLEM, GOOD]),
        (TaskNotify.NEVER, []),
    ],
)
def test_setting_says_which_runs_are_told(
    notify: TaskNotify, expected: list[MessageKind]
) -> None:
    tasks = TaskNotifier(replace(PING, notify=notify))
    assert tasks.kinds(DONE, FAILED, DONE, DONE) == expected


def test_missed_run_is_told_and_a_run_left_out_is_not() -> None:
    tasks = TaskNotifier()
    now = tasks.world.now
    tasks.world.send(TaskDue(now, "ping", None, 3, now.wall - HOUR_S))
    (message,) = tasks.notifier.new_messages()
    assert (message.kind, message.facts["outcome"]) == (PROBLEM, "missed")
    tasks.world.send(TaskDue(now, "ping", now.wall))
    tasks.world.send(TaskDue(now, "ping", now.wall + 1))
    assert tasks.notifier.new_messages() == []


def test_message_waits_for_the_end_of_a_window_of_all_targets() -> None:
    tasks = TaskNotifier()
    period = begin_window(tasks.world, lasts_s=3 * HOUR_S)
    (message,) = tasks.run(FAILED)
    assert message.not_before_wall == period.end_wall


def test_message_does_not_wait_for_a_window_of_another_target() -> None:
    tasks = TaskNotifier()
    begin_window(tasks.world, WALLET, lasts_s=3 * HOUR_S)
    (message,) = tasks.run(FAILED)
    assert message.not_before_wall == 0.0
