"""Commands that need no running sidecar: run, check, config, version."""

from collections.abc import Sequence
from pathlib import Path

import click

from sidecar import __version__
from sidecar.cli.completion import optional_target_argument
from sidecar.cli.local_commands_port import CheckResult, LocalCommands
from sidecar.cli.options import as_json, config_file, examples
from sidecar.cli.output import show_done, show_json, show_table

_file = click.argument(
    "file", required=False, type=click.Path(dir_okay=False, path_type=Path)
)


@click.command(epilog=examples("sidecar run --config sidecar.yaml"))
@config_file
@click.pass_obj
def run(local: LocalCommands, file: Path | None) -> int:
    """Watch and heal the targets, until SIGTERM or Ctrl-C.

    Exit status 0: asked to stop, 1: failed while running, 2: bad configuration,
    3: another sidecar uses the state directory.
    """
    return local.run(file)


@click.command(epilog=examples("sidecar check", "sidecar check electron-cash --json"))
@optional_target_argument
@config_file
@as_json
@click.pass_obj
def check(
    local: LocalCommands, target: str | None, file: Path | None, as_json: bool
) -> int:
    """Probe every target, or only TARGET, once.

    Exit status 0: all are healthy, 1: some are not, 2: not known.
    """
    rows = local.check(file, target)
    if as_json:
        show_json([row._asdict() for row in rows])
    else:
        show_table(
            ("target", "outcome", "cause", "seconds", "reason"),
            [
                (r.target, r.outcome, r.cause or "", f"{r.seconds:.3f}", r.reason)
                for r in rows
            ],
        )
    return _exit_status(rows)


def _exit_status(rows: Sequence[CheckResult]) -> int:
    outcomes = {row.outcome for row in rows}
    if "failure" in outcomes:
        return 1
    return 0 if outcomes == {"success"} else 2


@click.group(
    epilog=examples("sidecar config check sidecar.yaml", "sidecar config show")
)
def config() -> None:
    """Check, show or describe the configuration; change nothing."""


@config.command(
    "check",
    epilog=examples(
        "sidecar config check sidecar.yaml",
        "sidecar config check --no-secrets sidecar.yaml",
    ),
)
@_file
@click.option(
    "--no-secrets",
    is_flag=True,
    help="Do not read the files that hold secrets: check a file on another machine.",
)
@as_json
@click.pass_obj
def config_check(
    local: LocalCommands, file: Path | None, no_secrets: bool, as_json: bool
) -> int:
    """List every fault of FILE and of the environment (exit status 2 if any)."""
    warnings = list(local.config_warnings(file, reads_secrets=not no_secrets))
    if not as_json:
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
    answer = {"good": True, "warnings": warnings}
    return show_done(answer, "the configuration is good", as_json)


@config.command("show", epilog=examples("sidecar config show sidecar.yaml"))
@_file
@as_json
@click.pass_obj
def config_show(local: LocalCommands, file: Path | None, as_json: bool) -> int:
    """Print the settings in force, with defaults; secrets are masked."""
    settings = local.config_shown(file)
    if as_json:
        show_json(settings)
    else:
        import yaml  # noqa: PLC0415 - slow, and only needed here

        print(yaml.safe_dump(settings, sort_keys=False), end="")
    return 0


@config.command(
    "schema", epilog=examples("sidecar config schema > sidecar.schema.json")
)
@as_json
@click.pass_obj
def config_schema(local: LocalCommands, as_json: bool) -> int:  # noqa: ARG001
    """Print the JSON Schema of the configuration file, for an editor.

    It is JSON with and without --json.
    """
    print(local.config_schema())
    return 0


@click.command(epilog=examples("sidecar version"))
@as_json
def version(as_json: bool) -> int:
    """Print the version."""
    return show_done({"version": __version__}, f"sidecar {__version__}", as_json)
