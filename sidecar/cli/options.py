"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from sidecar.cli.client import Api, connect

P = ParamSpec("P")


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
        return command(connect(url, token_file), *args, **kwargs)

    return connected
