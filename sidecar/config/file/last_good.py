"""The text of the last file without fault, kept in the state directory.

It is the user's own text: a secret that it names by a file is not in it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sidecar.config import environment
from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.load import MOST_BYTES, load
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.settings import Settings

NAME = "last-good.yaml"


class LoadedSettings(NamedTuple):
    """The settings to start with; ``faults`` of the file where they are older ones."""

    settings: Settings
    faults: tuple[ConfigProblem, ...]


def load_or_last_good(environ: Mapping[str, str], path: Path | None) -> LoadedSettings:
    """As ``load``; a file with faults gives way to the last good one, if there is one.

    ConfigFaults: there is none, or the fault is not the file's alone. Reads files.
    """
    try:
        return LoadedSettings(load(environ, path), ())
    except ConfigError as refused:
        faults = refused
    text = _read_kept_text(environment.state_dir(environ))
    if text is None:
        raise faults
    try:
        return LoadedSettings(load(environ, path, text), faults.faults)
    except ConfigError:
        raise faults from None


def keep_settings(settings: Settings) -> None:
    """Store the text of the file that these settings are from. OSError.

    Nothing where there is no file. Whole or not at all, for our user's eyes alone.
    """
    if settings.text is None:
        return
    file = settings.state_dir / NAME
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as stream:
        stream.write(settings.text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def _read_kept_text(folder: Path) -> str | None:
    try:
        return read_regular_file(folder / NAME, MOST_BYTES).decode("utf-8")
    except (OSError, ValueError):
        return None
