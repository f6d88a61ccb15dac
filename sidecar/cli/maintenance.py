"""Commands about maintenance: the tasks, their runs, and a run at once."""

import time
from collections.abc import Iterator
from urllib.parse import quote

import click

from sidecar.api_types.maintenance import (
    MaintenanceStatus,
    TaskRunAnswer,
    TaskRunSummary,
    TaskStatus,
    WindowStatus,
)
from sidecar.cli.client import Answer, Api, ApiError, Json
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    format_duration,
    format_time,
    localize_times,
    show_done,
    show_json,
    show_table,
)

LOOK_EVERY_S = 1.0
SHOWN_WINDOWS = 5


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "sidecar maintenance",
        "sidecar maintenance --runs 20",
        "sidecar maintenance run clean-up --wait",
    ),
)
@click.option(
    "--runs",
    type=click.IntRange(0, 500),
    default=5,
    show_default=True,
    help="Number of the last runs to show.",
)
@as_json
@talks_to_sidecar
def maintenance(api: Api, runs: int, as_json: bool) -> int:
    """List maintenance windows and tasks, with next times and last results.

    A window by hand is a pause: sidecar pause TARGET --for 2h.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    answer = api.get(f"/api/v1/maintenance?runs={runs}", MaintenanceStatus)
    if as_json:
        show_json(answer.document)
        return 0
    status = answer.value
    windows = status.windows[:SHOWN_WINDOWS]
    if windows:
        rows = [_window_row(window) for window in windows]
        show_table(("window from", "until", "targets", ""), rows)
        click.echo()
    show_table(("task", "next", "schedule", "last"), [_row(t) for t in status.tasks])
    if status.runs:
        click.echo()
        columns = ("ended", "task", "took", "result")
        show_table(columns, [_run_row(run) for run in status.runs])
    return 0


def _window_row(window: WindowStatus) -> tuple[str, ...]:
    return (
        format_time(window.begin),
        format_time(window.end),
        ", ".join(window.targets) or "all",
        "now" if window.active else "",
    )


def _row(task: TaskStatus) -> tuple[str, ...]:
    return (
        task.task,
        format_time(task.next[0]) if task.next else "never",
        f"{task.cron} {task.timezone}",
        _describe_last(task),
    )


def _describe_last(task: TaskStatus) -> str:
    if task.running is not None:
        return f"running since {format_time(task.running.began)}"
    last = task.last
    if last is None or last.ended is None:
        return "not yet"
    return f"{last.outcome} at {format_time(last.ended)}"


def _run_row(run: TaskRunSummary) -> tuple[str, ...]:
    return (
        format_time(run.ended) if run.ended else "",
        run.task,
        format_duration(run.seconds),
        f"{run.outcome}: {localize_times(run.reason)}",
    )


@maintenance.command(
    epilog=examples(
        "sidecar maintenance run clean-up", "sidecar maintenance run vacuum"
    )
)
@click.argument("task")
@click.option(
    "--wait",
    is_flag=True,
    help="Wait for the result. Ctrl-C ends the waiting, not the run.",
)
@as_json
@talks_to_sidecar
def run(api: Api, task: str, wait: bool, as_json: bool) -> int:
    """Run TASK now, whatever its schedule says.

    Exit status with --wait 0: done, 1: not done, or it found something.
    """
    run_answer = api.post(
        f"/api/v1/maintenance/{quote(task, safe='')}/run", TaskRunAnswer
    )
    if not wait:
        return show_done(run_answer.document, f"{task}: begun", as_json)
    answer = _wait_for_result(api, run_answer.value.run)
    result = answer.value
    took = format_duration(result.seconds)
    lines = [f"{task}: {result.outcome} after {took}: {result.reason}"]
    lines += [f"  {line}" for line in result.details]
    show_done(answer.document, localize_times("\n".join(lines)), as_json)
    return 0 if result.outcome == "done" else 1


def _wait_for_result(api: Api, run: TaskRunSummary) -> Answer[TaskRunSummary]:
    """The run once it has ended; the task's own timeout limits how long that takes."""
    path = f"/api/v1/maintenance?runs=5&task={quote(run.task, safe='')}"
    while True:
        answer = api.get(path, MaintenanceStatus)
        for document in _documents_of_runs(answer, run.task):
            ended = Answer(document, TaskRunSummary)
            if ended.value.began == run.began:
                return ended
        task = next((t for t in answer.value.tasks if t.task == run.task), None)
        if task is None:
            raise ApiError(f"the task {run.task} was removed from the settings")
        if task.running is None or task.running.began != run.began:
            raise ApiError(f"the result of {run.task} is not on record")
        time.sleep(LOOK_EVERY_S)


def _documents_of_runs(answer: Answer[MaintenanceStatus], task: str) -> Iterator[Json]:
    """Runs that have ended. The task's last one may not be stored yet."""
    for status, document in zip(
        answer.value.tasks, answer.document["tasks"], strict=True
    ):
        if status.task == task and status.last is not None:
            yield document["last"]
    yield from answer.document["runs"]
