"""The command ``init``: a configuration for a stack, from what can be found out."""

import sys
from pathlib import Path

import click

from sidecar.cli.local_commands_port import LocalCommands, PlannedFile, SetupPlan
from sidecar.cli.options import as_json, examples
from sidecar.cli.output import on_terminal, show_json

DEFAULT_FOLDER = Path("sidecar")
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command(
    epilog=examples(
        "sidecar init",
        "sidecar init --compose compose.yaml --output sidecar",
        "sidecar init --stack shop --yes",
    )
)
@click.option(
    "--compose",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read this compose file instead of the running containers.",
)
@click.option(
    "--stack",
    metavar="NAME",
    help="The compose project. Default: SIDECAR_STACK, our own, or the only one.",
)
@click.option(
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="The folder of the files, beside your compose file.",
)
@click.option("--yes", is_flag=True, help="Write without a question, for scripts.")
@as_json
@click.pass_obj
def init(
    local: LocalCommands,
    compose: Path | None,
    stack: str | None,
    folder: Path,
    yes: bool,
    as_json: bool,
) -> int:
    """Propose a sidecar.yaml and the compose lines for a stack.

    Shows each file's change and the reason for each line, then asks before it writes.
    Without a terminal and without --yes nothing is written. No password is read from
    the stack, and none is written.
    """
    if stack and compose:
        raise click.UsageError("--stack and --compose exclude each other: give one")
    plan = local.plan_setup(stack, compose, folder)
    is_written = _shows_and_writes(local, plan, yes=yes, as_json=as_json)
    if as_json:
        show_json(_as_document(plan, is_written))
    return 1 if is_written is None else 0


def _shows_and_writes(
    local: LocalCommands, plan: SetupPlan, *, yes: bool, as_json: bool
) -> bool | None:
    """Was something written? None: the person declined."""
    if not as_json:
        _show_plan(plan)
    changed = [file for file in plan.files if file.diff]
    if not changed:
        return False
    if not yes:
        if as_json or not _has_person():
            click.echo("nothing was written; --yes writes these files", err=True)
            return False
        if not click.confirm("Write these files?", default=False):
            return None
    local.write_setup(plan)
    if not as_json:
        for file in changed:
            print(f"written: {file.path}")
    return True


def _has_person() -> bool:
    return on_terminal() and sys.stdin is not None and sys.stdin.isatty()


def _show_plan(plan: SetupPlan) -> None:
    for file in plan.files:
        _show_diff(file)
    for remark in plan.remarks:
        print(f"- {remark}")


def _show_diff(file: PlannedFile) -> None:
    if not file.diff:
        print(f"{file.path} is already like this")
        return
    for line in file.diff.splitlines():
        colour = _COLOURS.get(line[:1]) if on_terminal() else None
        print(click.style(line, fg=colour) if colour else line)
    print()


def _as_document(plan: SetupPlan, is_written: bool | None) -> dict[str, object]:
    return {
        "written": bool(is_written),
        "files": [
            {"path": str(file.path), "text": file.text, "diff": file.diff}
            for file in plan.files
        ],
        "remarks": list(plan.remarks),
    }
