"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from sidecar import __version__
from sidecar.cli.client import Api, ApiError, connect

P = ParamSpec("P")

_OF_ANOTHER_SHAPE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What taking a document apart leads to where it is not what was expected."""


def examples(*lines: str) -> str:
    """A help text's end; the mark keeps click from joining the lines."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

config_file = click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file; default /etc/sidecar/sidecar.yaml if it exists.",
)


def talks_to_sidecar(
    command: Callable[Concatenate[Api, P], int],
) -> Callable[..., int]:
    """Give a command the API as its first argument, and the options to reach it."""

    @click.option(
        "--url",
        metavar="URL",
        help="The sidecar's address; default SIDECAR_URL, then SIDECAR_LISTEN, "
        "then http://127.0.0.1:9787.",
    )
    @click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A file with the API token; default SIDECAR_API_TOKEN_FILE, then "
        "SIDECAR_API_TOKEN.",
    )
    @wraps(command)
    def connected(
        url: str | None,
        token_file: Path | None,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> int:
        api = connect(url, token_file)
        try:
            return command(api, *args, **kwargs)
        except _OF_ANOTHER_SHAPE as fault:
            raise ApiError(
                f"the answer of {api.url} is not that of a sidecar of version "
                f"{__version__}: is it another program, or another version?"
            ) from fault

    return connected
