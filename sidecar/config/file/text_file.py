"""Reading of the text files in YAML that people write."""

from pathlib import Path

from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.problem import ConfigError, ConfigProblem

MOST_BYTES = 1_000_000


def read_text(path: Path, allowed: str = "a file in YAML") -> str:
    """The text of a file. Raises ConfigError, with its only fault."""
    try:
        return read_regular_file(path, MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        problem = ConfigProblem(str(path), f"no file to read ({why})", allowed)
        raise ConfigError([problem]) from error
