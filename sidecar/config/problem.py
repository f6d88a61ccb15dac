"""Faults of a configuration, with the allowed values and a hint."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_SHOWN = 60


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One fault.

    ``path`` names the key (``targets.wallet.restart.window``), the environment
    variable or the label. ``actual`` describes the value, never a secret.
    """

    path: str
    actual: str
    allowed: str
    hint: str = ""

    @property
    def line(self) -> str:
        """The fault on one line; unprintable characters are escaped."""
        text = f"{self.path}: found {self.actual}; allowed: {self.allowed}"
        text = f"{text} - {self.hint}" if self.hint else text
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quote_value(value: str, most: int = MOST_SHOWN) -> str:
    """A value in quotes; of a long one only the first words.

    A word is never cut: the mask would not recognise part of a secret.
    """
    if len(value) <= most:
        return repr(value)
    words = value[: most + 1].rpartition(" ")[0].rstrip()
    return f"{words!r} ..." if words else f"a text of {len(value)} characters"


class ConfigError(Exception):
    """All faults of a configuration; ``str()`` gives a line for each."""

    def __init__(self, faults: Iterable[ConfigProblem]) -> None:
        self.faults: tuple[ConfigProblem, ...] = tuple(sorted(set(faults)))
        super().__init__("\n".join(fault.line for fault in self.faults))
