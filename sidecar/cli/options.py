"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from sidecar import __version__
from sidecar.cli.client import Api, ApiError, connect

P = ParamSpec("P")

_UNEXPECTED_SHAPE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Errors that reading a document of an unexpected shape raises."""


def examples(*lines: str) -> str:
    """The end of a help text; the mark keeps click from joining the lines."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

since = click.option(
    "--since",
    metavar="DURATION",
    default="7d",
    show_default=True,
    help="Length of the period until now, such as 12h or 7d.",
)

config_file = click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file. Default: SIDECAR_CONFIG, else "
    "/etc/sidecar/sidecar.yaml if it exists.",
)


def talks_to_sidecar(
    command: Callable[Concatenate[Api, P], int],
) -> Callable[..., int]:
    """Add the options to reach the API, and pass the API as the first argument."""

    @click.option(
        "--url",
        metavar="URL",
        help="The sidecar's address. Default: SIDECAR_URL, else the control socket in "
        "SIDECAR_STATE_DIR (/var/lib/sidecar), else SIDECAR_LISTEN, else "
        "http://127.0.0.1:9787.",
    )
    @click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A file with the API token, which the control socket does not need. "
        "Default: SIDECAR_API_TOKEN_FILE, else SIDECAR_API_TOKEN.",
    )
    @wraps(command)
    def call_with_api(
        url: str | None,
        token_file: Path | None,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> int:
        api = connect(url, token_file)
        try:
            return command(api, *args, **kwargs)
        except _UNEXPECTED_SHAPE_ERRORS as fault:
            raise ApiError(
                f"the answer of {api.address} is not that of a sidecar of version "
                f"{__version__}: is it another program, or another version?"
            ) from fault

    return call_with_api
