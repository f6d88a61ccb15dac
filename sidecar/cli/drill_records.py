"""Commands about the drills on record, and experiments that repeat them."""

import shlex
from pathlib import Path
from urllib.parse import urlencode

import click

from sidecar.api_types.control import EmptyBody
from sidecar.api_types.drills import DrillAnswer, DrillBody, DrillList
from sidecar.cli.chaos_toolkit import ExperimentPlan, write_experiment
from sidecar.cli.client import Answer, Api
from sidecar.cli.completion import complete_target, target_argument
from sidecar.cli.drill_options import (
    fault_option,
    faults_option,
    journal_option,
    yes_option,
)
from sidecar.cli.drill_output import format_objective, show_drills, show_planned
from sidecar.cli.drill_progress import preview_drill
from sidecar.cli.drill_result import write_journal_file
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import show_done, show_json

_PATH = "/api/v1/drills"


@click.command("list", epilog=examples("sidecar drill list --target electron-cash"))
@click.option("--target", shell_complete=complete_target, help="Only of this target.")
@click.option(
    "--count",
    type=click.IntRange(1, 500),
    default=20,
    show_default=True,
    help="Number of the last drills to show.",
)
@as_json
@talks_to_sidecar
def list_command(api: Api, target: str | None, count: int, as_json: bool) -> int:
    """List the drill under way, the last drills and the next planned ones."""
    answer = _list(api, target=target, count=count)
    if as_json:
        show_json(answer.document)
        return 0
    listed = answer.value
    under_way = [listed.under_way] if listed.under_way is not None else []
    show_drills([*under_way, *listed.drills], dated=True)
    show_planned(listed.planned)
    return 0


def _list(api: Api, **query: str | int | None) -> Answer[DrillList]:
    given = {key: value for key, value in query.items() if value is not None}
    return api.get(f"{_PATH}?{urlencode(given)}", DrillList)


@click.command(
    epilog=examples(
        "sidecar drill last electron-cash --journal journal.json",
        "sidecar drill last electron-cash --fault kill --within 1d",
    )
)
@target_argument
@fault_option
@click.option(
    "--within",
    metavar="DURATION",
    help="Only a drill that ended so recently; without one the exit status is 0.",
)
@journal_option
@as_json
@talks_to_sidecar
def last(
    api: Api,
    target: str,
    fault: str | None,
    within: str | None,
    journal: Path | None,
    as_json: bool,
) -> int:
    """Show the last drill of TARGET that has ended.

    Exit status 0: it passed, 1: it did not, or there is none (see --within).
    """
    answer = _list(api, target=target, fault=fault, since=within, count=1)
    drills = answer.value.drills
    if as_json:
        show_json(answer.document["drills"][0] if drills else None)
    elif drills:
        show_drills(drills, dated=True)
    else:
        click.echo(f"{target}: no drill has ended{' so recently' if within else ''}")
    if journal is not None and drills:
        write_journal_file(target, drills, journal)
    if not drills:
        return 0 if within else 1
    return 0 if drills[0].outcome == "passed" else 1


@click.command(epilog=examples("sidecar drill cancel electron-cash"))
@target_argument
@as_json
@talks_to_sidecar
def cancel(api: Api, target: str, as_json: bool) -> int:
    """End the drill of TARGET that is under way: Sidecar ends the fault at once.

    Without a drill that is under way nothing is done, and the exit status is 0.
    """
    under_way = _list(api, target=target, count=0).value.under_way
    if under_way is None:
        return show_done(None, f"{target}: no drill is under way", as_json)
    path = f"{_PATH}/{under_way.id}/cancel"
    answer = api.post(path, DrillAnswer, EmptyBody())
    return show_done(answer.document, f"{target}: Sidecar ends the fault", as_json)


def _check_command(_: click.Context, __: click.Parameter, command: str) -> str:
    """Refuse what `chaos run` could not call."""
    try:
        words = shlex.split(command)
    except ValueError as fault:
        raise click.BadParameter(f"{fault}: quote it as in a shell") from None
    if not words:
        raise click.BadParameter("it is empty; leave it out for `sidecar`")
    return command


@click.command(
    epilog=examples(
        "sidecar drill export electron-cash --fault kill --yes > experiment.json",
        "sidecar drill export electron-cash --fault kill --yes "
        "--command 'docker exec shop-sidecar-1 sidecar'",
    )
)
@target_argument
@faults_option
@yes_option
@click.option(
    "--command",
    default="sidecar",
    callback=_check_command,
    show_default=True,
    help="How `chaos run` calls this program.",
)
@talks_to_sidecar
def export(
    api: Api, target: str, faults: tuple[str, ...], yes: bool, command: str
) -> int:
    """Print an experiment for `chaos run` of the Chaos Toolkit.

    It needs no extension there: it calls `sidecar drill`. It deviates where a drill
    misses its objective.
    """
    preview = preview_drill(api, target, DrillBody(faults[0], yes)).value
    objective = format_objective(preview.expectation.objective)
    show_json(write_experiment(ExperimentPlan(target, faults, objective, yes, command)))
    return 0


COMMANDS = (list_command, last, cancel, export)
"""The commands of this module, for the group ``drill``."""
