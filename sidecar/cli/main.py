"""The entry point of the command line, and the exit status of commands."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

import click

from sidecar.cli import control, local_commands, notify, status
from sidecar.cli.backup import backup
from sidecar.cli.client import ApiError
from sidecar.cli.completion import completion
from sidecar.cli.doctor import doctor
from sidecar.cli.drill import drill
from sidecar.cli.explain import explain
from sidecar.cli.forecast import forecast
from sidecar.cli.history import history, remedies
from sidecar.cli.incidents import incident, incidents, postmortem
from sidecar.cli.init import init
from sidecar.cli.local_commands_port import CommandFailed, LocalCommands
from sidecar.cli.logs import logs
from sidecar.cli.maintenance import maintenance
from sidecar.cli.options import examples
from sidecar.cli.replay import replay
from sidecar.cli.report import report
from sidecar.cli.schedule import schedule
from sidecar.cli.simulate import simulate
from sidecar.cli.usage_errors import show_usage_error

CANNOT_TELL = 2
INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("sidecar status --watch", "sidecar restart electron-cash"),
)
def sidecar() -> None:
    """Watch the containers of a compose project and heal them.

    Exit status 0: done, 1: the answer is no, 2: wrong usage, or no usable answer,
    3: refused (a guard objects, or the API token is missing or wrong).
    """


for command in (
    local_commands.run,
    local_commands.check,
    init,
    doctor,
    status.status,
    status.targets,
    logs,
    explain,
    control.restart,
    control.pause,
    control.resume,
    control.recover,
    control.release,
    control.reload,
    schedule,
    drill,
    maintenance,
    backup,
    forecast,
    history,
    remedies,
    incidents,
    incident,
    postmortem,
    report,
    simulate,
    replay,
    notify.ack,
    notify.notify,
    local_commands.config,
    completion,
    local_commands.version,
):
    sidecar.add_command(command)


def main(arguments: Sequence[str], local: LocalCommands) -> int:
    """Execute a command line (without the program's name); returns the exit status."""
    _escape_unencodable_text()
    try:
        status = _run_command(arguments, local)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output(sys.stdout)
        return 0  # the reader closed the pipe: no failure
    except OSError as fault:
        _discard_output(sys.stdout)
        why = f"the output cannot be written: {fault.strerror or fault}"
        _show_on_stderr(lambda: click.echo(why, err=True))
        return CANNOT_TELL
    return status


def _run_command(arguments: Sequence[str], local: LocalCommands) -> int:
    try:
        result = sidecar.main(
            list(arguments), prog_name="sidecar", standalone_mode=False, obj=local
        )
    except click.ClickException as fault:
        error = fault
        _show_on_stderr(lambda: show_usage_error(error))
        return CANNOT_TELL
    except (ApiError, CommandFailed) as fault:
        message = str(fault)
        _show_on_stderr(lambda: click.echo(message, err=True))
        return fault.exit_status if isinstance(fault, ApiError) else CANNOT_TELL
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _show_on_stderr(show: Callable[[], None]) -> None:
    """Show an error on standard error; ignored where that cannot be written."""
    try:
        show()
    except OSError:
        _discard_output(sys.stderr)


def _escape_unencodable_text() -> None:
    """Print characters that the output's encoding lacks as backslash escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output(stream: TextIO) -> None:
    """Redirect the stream to /dev/null, so that Python reports no error at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
