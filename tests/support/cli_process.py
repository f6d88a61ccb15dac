"""The command line as a process, with fake local commands."""

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sidecar.cli.local_commands_port import (
    CheckResult,
    CommandFailed,
    PlannedFile,
    ReplayedOutage,
    ReplayFigures,
    ReplayReport,
    SetupPlan,
    SimulationReport,
)
from sidecar.cli.main import main
from sidecar.core.model.recorded_outage import RecordedOutage
from sidecar.core.setup.hazards.diagnosis import Diagnosis, diagnose
from sidecar.core.setup.stack_facts import ServiceFacts, StackFacts

GOOD = CheckResult("electron-cash", "success", None, "", 0.012)
BAD = CheckResult(
    "bitcoincash-service", "failure", "refused", "connection refused", 0.1
)
UNSURE = CheckResult(
    "bitcoincash-service", "unknown", "prober_failed", "no engine", 0.1
)


WALLET = ServiceFacts("electron-cash", mounts=(), memory_limit_bytes=0)


class FakeLocalCommands:
    """Local commands with results that depend on the names in their arguments."""

    def run(self, file: Path | None) -> int:
        sys.stdout.write(f"runs with {file}\n")
        return 3

    def check(self, file: Path | None, target: str | None) -> Sequence[CheckResult]:
        rows = {
            "good": [GOOD],
            "bad": [GOOD, BAD, UNSURE],
            "unsure": [GOOD, UNSURE],
            "empty": [],
        }
        if str(file) not in rows:
            raise CommandFailed(f"{file}: no such file")
        return [row for row in rows[str(file)] if target in {None, row.target}]

    def config_warnings(
        self, file: Path | None, *, reads_secrets: bool = True
    ) -> Sequence[str]:
        if not reads_secrets:
            return ["no secret was read"]
        if str(file) == "faulty":
            raise CommandFailed("mode: found dance\nlanguage: found fr")
        return ["targets.x: tcp probes hold a single thread"]

    def config_shown(self, file: Path | None) -> Mapping[str, object]:
        return {"stack": str(file)}

    def config_schema(self) -> str:
        return '{"type": "object"}'

    def plan_setup(
        self, stack: str | None, compose: Path | None, folder: Path
    ) -> SetupPlan:
        """The stack ``same``: the file is there already; ``gone``: no such stack."""
        if stack == "gone":
            raise CommandFailed("no container of the stack 'gone' could be read")
        path = folder / "sidecar.yaml"
        diff = "" if stack == "same" else f"--- /dev/null\n+++ {path}\n+mode: observe"
        planned_file = PlannedFile(path, "mode: observe\n", diff)
        return SetupPlan((planned_file,), (f"read from {compose or stack}",))

    def write_setup(self, plan: SetupPlan) -> None:
        for file in plan.files:
            file.path.parent.mkdir(exist_ok=True)
            file.path.write_text(file.text)

    def simulate(
        self, scenario: Path, file: Path | None, on_progress: Callable[[float], None]
    ) -> SimulationReport:
        """The scenario ``bad``: an expectation is not met; ``gone``: no file."""
        if str(scenario) == "gone":
            raise CommandFailed("gone: found no file to read; allowed: a file in YAML")
        on_progress(1.0)
        failures = ("expect[0]: restarts: expected 1, was 0",)
        return SimulationReport(
            rows=(("1:06", "wallet", "decision", f"restart with {file}"),),
            summary=(("wallet", "healthy", "1", "0:15"),),
            failures=failures if str(scenario) == "bad" else (),
            expectation_count=0 if str(scenario) == "none" else 1,
            document={"seconds": 900.0},
            plot="<svg/>",
        )

    def replay(
        self,
        new: Path,
        file: Path | None,
        outages: Sequence[RecordedOutage],
        on_progress: Callable[[float], None],
    ) -> ReplayReport:
        """The settings ``same`` change nothing."""
        on_progress(1.0)
        present = ReplayFigures(1, 1, 2, 15.0)
        fresh = present if str(new) == "same" else ReplayFigures(1, 2, 2, 12.0)
        new_s = 6.0 if str(new) == "same" else 2.0
        recorded = ReplayFigures(None, len(outages), None, 15.0)
        usable = [o for o in outages if o.cause is not None]
        return ReplayReport(
            recorded,
            present,
            fresh,
            tuple(ReplayedOutage(outage, 6.0, new_s) for outage in usable),
            tuple(o for o in outages if o.cause is None),
        )

    def write_plot(self, report: SimulationReport, path: Path) -> None:
        path.write_text(report.plot)

    def diagnose(self, stack: str | None, language: str | None) -> Diagnosis:
        """The stack ``none``: no hazard; ``gone``: it cannot be asked."""
        if stack == "gone":
            raise CommandFailed("no connection to the engine")
        if stack == "none":
            return Diagnosis("none", (), (), 15)
        return diagnose(StackFacts("demo", (WALLET,)), language or "en")


if __name__ == "__main__":
    # The tests may run in the background, where SIGINT is ignored by default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:], FakeLocalCommands()))
