"""Port for commands that need no HTTP API; the entry point passes it in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class CommandFailed(Exception):
    """The command failed; the text gives the reason and the remedy."""


class CheckResult(NamedTuple):
    """One probe of one instance. ``outcome``: success, failure or unknown."""

    target: str
    outcome: str
    cause: str | None
    reason: str
    seconds: float


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
