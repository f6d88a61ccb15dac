"""Report: availability, outages and restarts of each target in a period."""

from collections.abc import Iterator

from sidecar.core.model.maintenance_task import (
    ReportPeriod,
    Task,
    TaskOutcome,
    TaskResult,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.reporting.availability import Report
from sidecar.core.reporting.totals import Totals
from sidecar.tasks.task_tools import TaskTools

_RUNS_READ = 500


async def run_task(task: Task, tools: TaskTools) -> TaskResult:
    """Report the period until now, with the runs of maintenance tasks."""
    assert isinstance(task.does, ReportPeriod)
    report = await tools.report(task.does.period_s)
    since_wall = report.period.from_wall
    runs = await tools.journal.task_runs(_RUNS_READ)
    recent = [run for run in runs if run.ended_wall >= since_wall]
    failed = sum(run.outcome is not TaskOutcome.DONE for run in recent)
    details = (
        *_of_targets(report),
        Reason.of(R.TASK_RUNS_IN_PERIOD, count=len(recent), tries=failed),
    )
    outages = report.total.now.outages
    summary = Reason.of(R.TASK_REPORT, outages=outages, since_wall=since_wall)
    return TaskResult(TaskOutcome.DONE, summary, details)


def _of_targets(report: Report) -> Iterator[Reason]:
    for name, comparison in report.targets.items():
        totals = comparison.now
        share = totals.availability
        if share is None:
            yield Reason.of(R.TASK_REPORT_NO_DATA, root=name)
            continue
        yield Reason.of(
            R.TASK_REPORT_TARGET,
            root=name,
            share=_round_down(share),
            outages=totals.outages,
            count=_restarts(totals),
        )


def _round_down(share: float) -> float:
    """A percentage with three digits; 100 only where nothing was down."""
    return int(share * 100_000) / 1000


def _restarts(totals: Totals) -> int:
    actions = {"restart", "start"}
    return sum(n for kind, n in totals.remedies.items() if kind.action in actions)
