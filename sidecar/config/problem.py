"""What is wrong with a configuration, in words that say what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_SHOWN = 60


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One thing that is wrong.

    ``path`` names the key (``targets.wallet.restart.window``), the environment
    variable or the label; ``found`` never shows a secret.
    """

    path: str
    found: str
    allowed: str
    hint: str = ""

    @property
    def line(self) -> str:
        """All of it on one line, whatever characters it has."""
        said = f"{self.path}: found {self.found}; allowed: {self.allowed}"
        said = f"{said} - {self.hint}" if self.hint else said
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)


def quoted(value: str, most: int = MOST_SHOWN) -> str:
    """A value as a fault shows it: in quotes, its first words where it is long.

    A word is never cut: it may be a secret that the mask then no longer knows.
    """
    if len(value) <= most:
        return repr(value)
    words = value[: most + 1].rpartition(" ")[0].rstrip()
    return f"{words!r} ..." if words else f"a text of {len(value)} characters"


class ConfigError(Exception):
    """Everything that is wrong with a configuration, at once; str(): a line each."""

    def __init__(self, faults: Iterable[ConfigProblem]) -> None:
        self.faults: tuple[ConfigProblem, ...] = tuple(sorted(set(faults)))
        super().__init__("\n".join(fault.line for fault in self.faults))
