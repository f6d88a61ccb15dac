"""``sidecar`` and ``python -m sidecar``.

``run`` starts without the command line's libraries: they would stay in memory
as long as it runs.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.cli.local_commands_port import (
        CheckResult,
        ReplayReport,
        SetupPlan,
        SimulationReport,
    )
    from sidecar.config.settings import Settings
    from sidecar.core.model.recorded_outage import RecordedOutage
    from sidecar.core.setup.hazards.diagnosis import Diagnosis


def main() -> int:
    """Execute the command line in ``sys.argv``; returns the exit status."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"] and _is_plain(arguments[1:]):
        from sidecar.app.main import run

        return run(Path(arguments[2]) if arguments[2:] else None)
    from sidecar.cli.main import main as command_line

    return command_line(arguments, LocalCommands())


def _is_plain(arguments: list[str]) -> bool:
    """Can the arguments be parsed without the command line's libraries?"""
    no_file = not arguments
    return no_file or (len(arguments) == 2 and arguments[0] == "--config")  # noqa: PLR2004


class LocalCommands:
    """Implements sidecar.cli.local_commands_port.LocalCommands in this process."""

    def run(self, file: Path | None) -> int:
        """Watch until SIGTERM or SIGINT; returns the exit status."""
        from sidecar.app.main import run

        return run(file)

    def check(self, file: Path | None, target: str | None) -> "Sequence[CheckResult]":
        """Probe every instance, or those of one target, once. Raises CommandFailed."""
        from sidecar.app.check_once import UnknownTarget, check_once
        from sidecar.app.identity import StackUnknown
        from sidecar.cli.local_commands_port import CheckResult, CommandFailed
        from sidecar.core.ports.engine import EngineError
        from sidecar.engine.docker_host import BadEngineAddress

        try:
            checked = check_once(_settings(file), target)
        except (UnknownTarget, StackUnknown, BadEngineAddress, EngineError) as error:
            raise CommandFailed(str(error)) from error
        if not checked:
            raise CommandFailed("no target")
        return [
            CheckResult(
                instance.name,
                instance.outcome.verdict,
                instance.outcome.cause,
                str(instance.outcome.reason),
                instance.seconds,
            )
            for instance in checked
        ]

    def config_warnings(
        self, file: Path | None, *, reads_secrets: bool = True
    ) -> Sequence[str]:
        """The warnings of the configuration: allowed, but probably a mistake."""
        return _settings(file, reads_secrets=reads_secrets).warnings

    def config_shown(self, file: Path | None) -> Mapping[str, object]:
        """The settings in force, secrets masked; ready for YAML and JSON."""
        from sidecar.config.show import show_settings

        return show_settings(_settings(file))

    def config_schema(self) -> str:
        """The JSON Schema of the file, with the meaning of each key."""
        import json

        from sidecar.config.reference.tables import described_schema

        return json.dumps(described_schema(), indent=2)

    def plan_setup(
        self, stack: str | None, compose: Path | None, folder: Path
    ) -> "SetupPlan":
        """The files that ``init`` proposes. Raises CommandFailed."""
        from sidecar.app.setup import plan_setup

        return plan_setup(stack, compose, folder)

    def write_setup(self, plan: "SetupPlan") -> None:
        """Write the files of a plan. Raises CommandFailed."""
        from sidecar.app.setup_files import write_setup

        write_setup(plan)

    def diagnose(self, stack: str | None, language: str | None) -> "Diagnosis":
        """The hazards of a stack. Raises CommandFailed."""
        from sidecar.app.setup import diagnose_stack

        return diagnose_stack(stack, language)

    def simulate(
        self, scenario: Path, file: Path | None, on_progress: "Callable[[float], None]"
    ) -> "SimulationReport":
        """Simulate a scenario. Raises CommandFailed."""
        from sidecar.app.simulation_report import report_simulation
        from sidecar.cli.local_commands_port import CommandFailed
        from sidecar.config.problem import ConfigError

        settings = _settings(file, reads_secrets=False)
        try:
            return report_simulation(settings, scenario, on_progress)
        except ConfigError as error:
            raise CommandFailed(str(error)) from error

    def replay(
        self,
        new: Path,
        file: Path | None,
        outages: "Sequence[RecordedOutage]",
        on_progress: "Callable[[float], None]",
    ) -> "ReplayReport":
        """Replay recorded outages with two settings. Raises CommandFailed."""
        import time

        from sidecar.app.replay import replay

        return replay(
            _settings(file, reads_secrets=False),
            _settings(new, reads_secrets=False),
            outages,
            time.time(),
            on_progress,
        )

    def write_plot(self, report: "SimulationReport", path: Path) -> None:
        """Write the plot to a file. Raises CommandFailed."""
        from sidecar.cli.local_commands_port import CommandFailed

        try:
            path.write_text(report.plot, encoding="utf-8")
        except OSError as error:
            why = error.strerror or error
            raise CommandFailed(f"{path} cannot be written: {why}") from error


def _settings(file: Path | None, *, reads_secrets: bool = True) -> "Settings":
    from sidecar.cli.local_commands_port import CommandFailed
    from sidecar.config.load import load
    from sidecar.config.problem import ConfigError

    try:
        return load(os.environ, file, reads_secrets=reads_secrets)
    except ConfigError as error:
        raise CommandFailed(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
