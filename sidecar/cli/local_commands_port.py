"""Port for commands that need no HTTP API; the entry point passes it in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sidecar.core.model.recorded_outage import RecordedOutage

if TYPE_CHECKING:
    from sidecar.core.setup.hazards.diagnosis import Diagnosis


class CommandFailed(Exception):
    """The command failed; the text gives the reason and the remedy."""


class CheckResult(NamedTuple):
    """One probe of one instance. ``outcome``: success, failure or unknown."""

    target: str
    outcome: str
    cause: str | None
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that ``init`` proposes.

    ``before``: its present content, None without one; it may hold secrets. ``diff`` is
    the change, with secrets masked; "": there is none.
    """

    path: Path
    text: str
    diff: str
    before: bytes | None = field(default=None, repr=False)


class SetupPlan(NamedTuple):
    """The files that ``init`` proposes, and what a person has to know or to do."""

    files: tuple[PlannedFile, ...]
    remarks: tuple[str, ...]


class SimulationReport(NamedTuple):
    """A simulated scenario, as text and as JSON.

    ``rows``: time, target, kind and text of each fact. ``summary``: each instance with
    its last state, its restarts and the time in which it did not work. ``failures``: a
    line for each expectation that is not met. ``plot``: the states as SVG.
    """

    rows: tuple[tuple[str, str, str, str], ...]
    summary: tuple[tuple[str, str, str, str], ...]
    failures: tuple[str, ...]
    expectation_count: int
    document: Mapping[str, object]
    plot: str


class ReplayFigures(NamedTuple):
    """Figures of all outages; None: not known from the record."""

    incidents: int | None
    restarts: int
    messages: int | None
    unavailable_s: float


class ReplayedOutage(NamedTuple):
    """A recorded outage, and when the first restart comes in the simulations.

    Seconds from its begin; None: none comes.
    """

    outage: RecordedOutage
    present_s: float | None
    new_s: float | None


class ReplayReport(NamedTuple):
    """Recorded outages, and what the present and the new settings do with them.

    ``left_out``: outages that cannot be simulated.
    """

    recorded: ReplayFigures
    present: ReplayFigures
    new: ReplayFigures
    outages: tuple[ReplayedOutage, ...]
    left_out: tuple[RecordedOutage, ...]


class LocalCommands(Protocol):
    """Commands executed in this process. All but ``run`` raise CommandFailed.

    ``file`` is the configuration file; None: the default path.
    """

    def run(self, file: Path | None) -> int:
        """Watch until SIGTERM or SIGINT; returns the exit status."""

    def check(self, file: Path | None, target: str | None) -> Sequence[CheckResult]:
        """Probe every instance, or those of one target, once."""

    def config_warnings(
        self, file: Path | None, *, reads_secrets: bool = True
    ) -> Sequence[str]:
        """The warnings of the configuration: allowed, but probably a mistake.

        Without ``reads_secrets`` the files that hold secrets need not exist.
        """

    def config_shown(self, file: Path | None) -> Mapping[str, object]:
        """The settings in force, secrets masked; ready for YAML and JSON."""

    def config_schema(self) -> str:
        """The JSON Schema of the file."""

    def plan_setup(
        self, stack: str | None, compose: Path | None, folder: Path
    ) -> SetupPlan:
        """The files for a stack, from its containers or from a compose file.

        ``stack`` None: the stack of SIDECAR_STACK, our own, or the only one.
        """

    def write_setup(self, plan: SetupPlan) -> None:
        """Write the files of a plan, unless one was changed since."""

    def simulate(
        self, scenario: Path, file: Path | None, on_progress: Callable[[float], None]
    ) -> SimulationReport:
        """Simulate a scenario; ``on_progress`` gets the share that is done."""

    def replay(
        self,
        new: Path,
        file: Path | None,
        outages: Sequence[RecordedOutage],
        on_progress: Callable[[float], None],
    ) -> ReplayReport:
        """Replay recorded outages with the settings of ``new`` and of ``file``."""

    def write_plot(self, report: SimulationReport, path: Path) -> None:
        """Write the plot to a file."""

    def diagnose(self, stack: str | None, language: str | None) -> "Diagnosis":
        """The hazards of a stack; ``language`` None: that of the settings."""
