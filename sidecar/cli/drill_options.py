"""Options that the commands about drills share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FAULTS = ("kill", "hang", "refuse", "slow", "upstream", "netcut", "stop", "pause")

fault_option = click.option(
    "--fault", type=click.Choice(FAULTS), help="Only a drill with this fault."
)
faults_option = click.option(
    "--fault",
    "faults",
    type=click.Choice(FAULTS),
    multiple=True,
    required=True,
    help="The fault. Several are done one after the other.",
)
yes_option = click.option(
    "--yes",
    is_flag=True,
    help="Also if the target has no other replica, and serves nobody for a while.",
)


def _check_folder(
    _: click.Context, __: click.Parameter, file: Path | None
) -> Path | None:
    """Refuse a file that cannot be written, before anything is done."""
    folder = file.parent if file is not None else None
    if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
        raise click.BadParameter(f"the folder {folder} is missing or cannot be written")
    return file


journal_option = click.option(
    "--journal",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_check_folder,
    help="Write a journal of the Chaos Toolkit to this file.",
)
