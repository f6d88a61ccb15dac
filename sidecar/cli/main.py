"""The command line's entrance, and how a command ends."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

import click

from sidecar.cli import control, local_commands, notify, status
from sidecar.cli.client import ApiError
from sidecar.cli.history import history, remedies
from sidecar.cli.incidents import incident, incidents, postmortem
from sidecar.cli.local_commands_port import CommandFailed, LocalCommands
from sidecar.cli.options import examples
from sidecar.cli.report import report
from sidecar.cli.schedule import schedule

CANNOT_TELL = 2
INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("sidecar status --watch", "sidecar restart electron-cash"),
)
def sidecar() -> None:
    """Watch the containers of a stack and heal them.

    Exit status 0: done, 1: the answer is no, 2: usage, or cannot tell,
    3: refused (a guard objects, or the token is missing or wrong).
    """


for command in (
    local_commands.run,
    local_commands.check,
    status.status,
    status.targets,
    control.restart,
    control.pause,
    control.resume,
    control.recover,
    control.release,
    control.reload,
    schedule,
    history,
    remedies,
    incidents,
    incident,
    postmortem,
    report,
    notify.ack,
    notify.notify,
    local_commands.config,
    local_commands.version,
):
    sidecar.add_command(command)


def main(arguments: Sequence[str], local: LocalCommands) -> int:
    """Carry out a command line (without the program's name); the exit status."""
    _show_any_text()
    try:
        status = _run_command(arguments, local)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _give_up(sys.stdout)
        return 0  # the reader had enough
    except OSError as fault:
        _give_up(sys.stdout)
        why = f"the output cannot be written: {fault.strerror or fault}"
        _say(lambda: click.echo(why, err=True))
        return CANNOT_TELL
    return status


def _run_command(arguments: Sequence[str], local: LocalCommands) -> int:
    try:
        result = sidecar.main(
            list(arguments), prog_name="sidecar", standalone_mode=False, obj=local
        )
    except click.ClickException as fault:
        _say(fault.show)
        return CANNOT_TELL
    except (ApiError, CommandFailed) as fault:
        said = str(fault)
        _say(lambda: click.echo(said, err=True))
        return fault.exit_status if isinstance(fault, ApiError) else CANNOT_TELL
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _say(show: Callable[[], None]) -> None:
    """To people; where nobody can be told, the exit status must do."""
    try:
        show()
    except OSError:
        _give_up(sys.stderr)


def _show_any_text() -> None:
    """What the output's encoding has no letters for is shown by its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up(stream: TextIO) -> None:
    """Python must not complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
