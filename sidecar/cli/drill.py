"""Commands about drills: a fault on purpose, and how well Sidecar handles it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import click
from click.shell_completion import CompletionItem

from sidecar.api_types.drills import DrillBody
from sidecar.cli.client import Api
from sidecar.cli.completion import complete_target, target_argument
from sidecar.cli.drill_options import faults_option, journal_option, yes_option
from sidecar.cli.drill_output import (
    describe_objection,
    show_drills,
    show_expectation,
)
from sidecar.cli.drill_progress import DrillProgress, preview_drill, wait_until_quiet
from sidecar.cli.drill_records import COMMANDS
from sidecar.cli.drill_result import (
    REFUSED,
    DrillResult,
    drills_of,
    exit_status,
    write_journal_file,
)
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import show_json


class _Flags(TypedDict):
    """The flags of ``drill run``."""

    dry_run: bool
    yes: bool
    as_json: bool


class _DrillGroup(click.Group):
    """``sidecar drill TARGET`` is short for ``sidecar drill run TARGET``."""

    default = "run"

    def parse_args(  # type: ignore[explicit-override]  # in typing since Python 3.12
        self, ctx: click.Context, args: list[str]
    ) -> list[str]:
        """Put the default before what is no command and no question for help."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def shell_complete(  # type: ignore[explicit-override]  # likewise
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """The commands, and the targets that may stand in their place."""
        argument = self.commands[self.default].params[0]
        targets = complete_target(ctx, argument, incomplete)
        return [*super().shell_complete(ctx, incomplete), *targets]


@click.group(
    cls=_DrillGroup,
    epilog=examples(
        "sidecar drill bitcoincash-service --fault kill --dry-run",
        "sidecar drill bitcoincash-service --fault kill --fault hang --yes",
        "sidecar drill list",
    ),
)
def drill() -> None:
    """Do a fault to a target on purpose, and measure how Sidecar handles it.

    `sidecar drill TARGET` is short for `sidecar drill run TARGET`.
    """


for command in COMMANDS:
    drill.add_command(command)


@drill.command(
    epilog=examples(
        "sidecar drill run bitcoincash-service --fault kill --dry-run",
        "sidecar drill run electron-cash --fault hang --yes --journal journal.json",
    )
)
@target_argument
@faults_option
@click.option("--dry-run", is_flag=True, help="Say what would happen; do nothing.")
@yes_option
@journal_option
@as_json
@talks_to_sidecar
def run(
    api: Api,
    target: str,
    faults: tuple[str, ...],
    journal: Path | None,
    **flags: Unpack[_Flags],
) -> int:
    """Do a fault to TARGET, and compare the times with its objective.

    What is really touched is said first. Each step is printed as it happens, then the
    verdict. Ctrl-C cancels the drill: Sidecar ends the fault.

    Exit status 0: passed, 1: missed, failed or interrupted, 3: refused. With --dry-run
    0: nothing objects.
    """
    as_json = flags["as_json"]
    bodies = [DrillBody(fault, flags["yes"]) for fault in faults]
    if flags["dry_run"]:
        return _show_previews(api, target, bodies, as_json)
    if not flags["yes"] and not as_json:
        bodies = _with_consent(api, target, bodies)
    results: list[DrillResult] = []
    try:
        for body in bodies:
            is_first = not results
            result = _carry_out(api, target, body, is_first=is_first, shows=not as_json)
            results.append(result)
            if result.is_cancelled:
                break
    finally:
        # An error in a later drill loses nothing of the earlier ones.
        try:
            if results:
                _show_results(results, as_json)
        finally:
            drills = drills_of(results)
            if journal is not None and drills:
                write_journal_file(target, drills, journal)
    return exit_status(results)


def _show_previews(
    api: Api, target: str, bodies: Sequence[DrillBody], as_json: bool
) -> int:
    answers = [preview_drill(api, target, body) for body in bodies]
    if as_json:
        show_json([answer.document for answer in answers])
    for answer in answers if not as_json else ():
        show_expectation(answer.value.expectation)
        click.echo(f"  {describe_objection(answer.value.objection)}")
    is_refused = any(answer.value.objection is not None for answer in answers)
    return REFUSED if is_refused else 0


def _with_consent(api: Api, target: str, bodies: list[DrillBody]) -> list[DrillBody]:
    """The orders, with ``yes`` where a person at a terminal agrees."""
    objection = preview_drill(api, target, bodies[0]).value.objection
    if objection is None or not objection.yes_helps or not sys.stdin.isatty():
        return bodies
    click.echo(objection.error)
    click.confirm("Drill it all the same?", abort=True)
    return [DrillBody(body.fault, yes=True) for body in bodies]


def _carry_out(
    api: Api, target: str, body: DrillBody, *, is_first: bool, shows: bool
) -> DrillResult:
    """One drill; a later one waits until the target has settled after the last."""
    preview = preview_drill(api, target, body).value
    if shows:
        show_expectation(preview.expectation)
    objection = preview.objection
    while True:
        if objection is not None and not is_first:
            objection = wait_until_quiet(api, target, body)
        if objection is not None:
            if shows:
                click.echo(f"  {describe_objection(objection)}", err=True)
            return DrillResult(body.fault, objection=objection)
        progress = DrillProgress(api, shows=shows)
        answer = progress.carry_out(target, body)
        if answer is not None:
            return DrillResult(body.fault, answer, is_cancelled=progress.is_cancelled)
        # Something objected that was not there at the preview.
        objection = preview_drill(api, target, body).value.objection


def _show_results(results: Sequence[DrillResult], as_json: bool) -> None:
    if as_json:
        show_json([result.document for result in results])
    else:
        click.echo()
        show_drills(drills_of(results))
