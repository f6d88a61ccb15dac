"""``python -m tests.support.command_page`` prints the page ``docs/cli.md``.

The page has the help text of each command, as ``sidecar COMMAND --help`` prints it.
"""

import sys
from collections.abc import Iterator

import click

from sidecar.cli.main import sidecar
from tests.support.repository import REPOSITORY

HEAD = (REPOSITORY / "tests" / "support" / "command_page_head.md").read_text("utf-8")
WIDTH = 88
FENCE = "```"


def page() -> str:
    """The whole page."""
    commands = list(all_commands(sidecar, ("sidecar",)))
    rows = [f"| [`{name}`](#{_anchor(name)}) | {help_} |" for name, help_ in _index()]
    texts = [_format_command(path, command) for path, command in commands]
    return "\n".join([HEAD, "| command | does |", "|---|---|", *rows, "", *texts])


def all_commands(
    group: click.Group, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command below the group, with its path, in the order of the names."""
    for name, command in sorted(group.commands.items()):
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


def _index() -> Iterator[tuple[str, str]]:
    for path, command in all_commands(sidecar, ("sidecar",)):
        yield " ".join(path), command.get_short_help_str(200)


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _format_command(path: tuple[str, ...], command: click.Command) -> str:
    parent: click.Context | None = None
    for name in path[:-1]:
        parent = click.Context(click.Group(name), info_name=name, parent=parent)
    context = click.Context(
        command,
        info_name=path[-1],
        parent=parent,
        terminal_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    text = command.get_help(context).rstrip()
    return f"## {' '.join(path)}\n\n{FENCE}text\n{text}\n{FENCE}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
