"""Completion in shells: the script for a shell, and names from the running sidecar."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from sidecar.api_types.status import IncidentList, StackStatus
from sidecar.cli.client import Api, ApiError, connect
from sidecar.cli.options import examples

DEADLINE_S = 1.0
SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "sidecar"
_VARIABLE = "_SIDECAR_COMPLETE"

ReadNames = Callable[[Api], list[str]]


@click.command(
    epilog=examples(
        'eval "$(sidecar completion bash)"    # in ~/.bashrc',
        'eval "$(sidecar completion zsh)"     # in ~/.zshrc',
        "sidecar completion fish | source     # in ~/.config/fish/config.fish",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script that completes commands, options and names in SHELL.

    Names of targets and incidents come from the running sidecar, within a second.
    Without one, they are not completed.
    """
    script_class = get_completion_class(shell)
    assert script_class is not None
    group = click.get_current_context().find_root().command
    print(script_class(group, {}, _PROGRAM, _VARIABLE).source())
    return 0


def _target_names(api: Api) -> list[str]:
    statuses = api.get("/api/v1/status", StackStatus).value.targets
    names = (name for status in statuses for name in (status.target, status.name))
    return list(dict.fromkeys(names))


def _incident_ids(api: Api) -> list[str]:
    incidents = api.get("/api/v1/incidents", IncidentList).value.incidents
    return [incident.id for incident in incidents]


def _incident_ids_and_last(api: Api) -> list[str]:
    return ["last", *_incident_ids(api)]


def _complete_with(
    read_names: ReadNames,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem[Any]]]:
    def complete(
        context: click.Context, _: click.Parameter, beginning: str
    ) -> list[CompletionItem[Any]]:
        names = _read_in_time(read_names, context)
        return [CompletionItem(name) for name in names if name.startswith(beginning)]

    return complete


def _read_in_time(read_names: ReadNames, context: click.Context) -> list[str]:
    """The names; none if no sidecar answers within DEADLINE_S.

    The lookup of a host's name has no deadline of its own: so it runs in a thread that
    is given up.
    """
    url, token_file = context.params.get("url"), context.params.get("token_file")
    names: list[str] = []
    thread = threading.Thread(
        target=_read_names, args=(read_names, url, token_file, names), daemon=True
    )
    thread.start()
    thread.join(DEADLINE_S)
    return list(names)


def _read_names(
    read_names: ReadNames, url: str | None, token_file: Path | None, names: list[str]
) -> None:
    try:
        names += read_names(connect(url, token_file, deadline_s=DEADLINE_S))
    except (ApiError, RecursionError, ValueError):
        return  # a shell shows no message while it completes


complete_target = _complete_with(_target_names)
target_argument = click.argument("target", shell_complete=complete_target)
optional_target_argument = click.argument(
    "target", required=False, shell_complete=complete_target
)
incident_argument = click.argument(
    "incident_id", metavar="ID", shell_complete=_complete_with(_incident_ids_and_last)
)
open_incident_argument = click.argument(
    "incident", shell_complete=_complete_with(_incident_ids)
)
