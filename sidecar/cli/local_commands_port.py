"""What some commands need beside the HTTP API, handed in by the entry point."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class CommandFailed(Exception):
    """The command cannot be carried out; the text says why, and what to do."""


class CheckResult(NamedTuple):
    """One probe of one instance. ``outcome``: success, failure or unknown."""

    target: str
    outcome: str
    cause: str | None
    reason: str
    seconds: float


class LocalCommands(Protocol):
    """Work done in this process. All but ``run`` raise CannotTell.

    ``file`` is the configuration file asked for; None: where it usually is.
    """

    def run(self, file: Path | None) -> int:
        """Watch, until asked to stop; the exit status."""

    def check(self, file: Path | None, target: str | None) -> Sequence[CheckResult]:
        """Probe every instance, or those of one target, once."""

    def config_warnings(self, file: Path | None) -> Sequence[str]:
        """Read the configuration; what is allowed and yet worth a second look."""

    def config_shown(self, file: Path | None) -> Mapping[str, object]:
        """The settings in force, secrets masked; ready for YAML and JSON."""

    def config_schema(self) -> str:
        """The JSON Schema of the file."""
