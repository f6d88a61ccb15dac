"""Errors of usage: they list the names that exist."""

import click
from click.exceptions import NoSuchCommand


def show_usage_error(fault: click.ClickException) -> None:
    """Print the error; of an unknown command or option also those that exist.

    click itself names the ones that resemble it.
    """
    fault.show()
    if isinstance(fault, click.NoSuchOption) and fault.ctx is not None:
        click.echo(f"Options: {_list_options(fault.ctx)}", err=True)
    elif isinstance(fault, NoSuchCommand) and fault.ctx is not None:
        click.echo(f"Commands: {_list_commands(fault.ctx)}", err=True)


def _list_commands(context: click.Context) -> str:
    group = context.command
    assert isinstance(group, click.Group)
    return ", ".join(group.list_commands(context))


def _list_options(context: click.Context) -> str:
    parameters = context.command.get_params(context)
    options = (p for p in parameters if isinstance(p, click.Option) and not p.hidden)
    return ", ".join(option.opts[-1] for option in options)
