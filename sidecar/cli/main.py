"""The command line's entrance, and how a command ends."""

import os
import sys
from collections.abc import Sequence

import click

from sidecar.cli import control, look, notify, own
from sidecar.cli.client import ApiError
from sidecar.cli.history import history
from sidecar.cli.incidents import incident, incidents, postmortem
from sidecar.cli.local import CannotTell, Local
from sidecar.cli.options import examples
from sidecar.cli.planned import schedule
from sidecar.cli.report import report

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
    own.run,
    own.check,
    look.status,
    look.targets,
    control.restart,
    control.pause,
    control.resume,
    control.recover,
    control.release,
    control.reload,
    schedule,
    history,
    incidents,
    incident,
    postmortem,
    report,
    notify.ack,
    notify.notify,
    own.config,
    own.version,
):
    sidecar.add_command(command)


def main(arguments: Sequence[str], local: Local) -> int:
    """Carry out a command line (without the program's name); the exit status."""
    try:
        result = sidecar.main(
            list(arguments), prog_name="sidecar", standalone_mode=False, obj=local
        )
    except click.ClickException as fault:
        fault.show()
        return CANNOT_TELL
    except (ApiError, CannotTell) as fault:
        click.echo(str(fault), err=True)
        return fault.exit_status if isinstance(fault, ApiError) else CANNOT_TELL
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader had enough; Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0
