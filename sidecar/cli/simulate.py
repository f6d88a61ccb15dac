"""The command ``simulate``: what Sidecar would do in a scenario."""

from pathlib import Path

import click

from sidecar.cli.local_commands_port import LocalCommands, SimulationReport
from sidecar.cli.options import as_json, config_file, examples
from sidecar.cli.output import show_json, show_table
from sidecar.cli.progress import show_progress

_file = click.argument("scenario", type=click.Path(dir_okay=False, path_type=Path))


@click.command(
    epilog=examples(
        "sidecar simulate hung-wallet.yaml --config sidecar.yaml",
        "sidecar simulate hung-wallet.yaml --plot states.svg",
        "sidecar simulate hung-wallet.yaml --json | jq .failures",
    )
)
@_file
@config_file
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="SVG",
    help="Write a plot of the states over time to this file.",
)
@as_json
@click.pass_obj
def simulate(
    local: LocalCommands,
    scenario: Path,
    file: Path | None,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Simulate SCENARIO with the settings, and print what Sidecar would do.

    The rules are those of `sidecar run`; the time is virtual, and nothing outside is
    asked or changed. docs/simulation.md describes the file.

    Exit status 0: every expectation is met, 1: some are not, 2: a faulty file.
    """
    report = local.simulate(scenario, file, show_progress)
    if plot is not None:
        local.write_plot(report, plot)
    if as_json:
        show_json(report.document)
    else:
        _show(report)
    return 1 if report.failures else 0


def _show(report: SimulationReport) -> None:
    show_table(("time", "target", "what", "text"), report.rows)
    print()
    show_table(("target", "state", "restarts", "unavailable"), report.summary)
    print()
    if not report.expectation_count:
        print("no expectations in the file")
    elif not report.failures:
        print(f"all {report.expectation_count} expectations are met")
    for line in report.failures:
        print(f"not met: {line}")
