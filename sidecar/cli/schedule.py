"""Commands about planned restarts."""

import click

from sidecar.api_types.control import DecisionAnswer, SkipAnswer
from sidecar.api_types.status import PlannedRestart, PlannedRestarts
from sidecar.cli.client import Api, target_path
from sidecar.cli.completion import target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import format_time, show_done, show_json, show_table


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "sidecar schedule --count 3",
        "sidecar schedule skip electron-cash",
        "sidecar schedule cancel electron-cash",
    ),
)
@click.option(
    "--count",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Number of restarts to show for each target.",
)
@as_json
@talks_to_sidecar
def schedule(api: Api, count: int, as_json: bool) -> int:
    """List the next planned restarts."""
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    answer = api.get(f"/api/v1/schedule?count={count}", PlannedRestarts)
    if as_json:
        show_json(answer.document)
        return 0
    rows = [
        (
            time.target,
            format_time(time.at),
            f"{time.cron} {time.timezone}",
            _remark(time),
        )
        for time in answer.value.planned
    ]
    show_table(("target", "at", "schedule", ""), rows)
    return 0


def _remark(time: PlannedRestart) -> str:
    if time.in_maintenance:
        return "left out: maintenance window"
    if time.skipped:
        return "skipped"
    return "only if its memory reaches the limit" if time.before_limit else ""


@schedule.command(epilog=examples("sidecar schedule skip electron-cash"))
@target_argument
@as_json
@talks_to_sidecar
def skip(api: Api, target: str, as_json: bool) -> int:
    """Skip the next planned restart of TARGET."""
    answer = api.post(target_path(target, "schedule/skip"), SkipAnswer)
    left_out = answer.value.skipped
    text = f"{left_out.target}: no restart at {format_time(left_out.at)}"
    return show_done(answer.document, text, as_json)


@schedule.command(epilog=examples("sidecar schedule cancel electron-cash"))
@target_argument
@as_json
@talks_to_sidecar
def cancel(api: Api, target: str, as_json: bool) -> int:
    """Cancel the rest of the planned restart of TARGET that is in progress."""
    answer = api.post(target_path(target, "schedule/cancel"), DecisionAnswer)
    text = f"{target}: what was left of its planned restart is called off"
    return show_done(answer.document, text, as_json)
