"""The last configuration file without faults, kept in the state directory.

It is the text as the user wrote it: secrets in files of their own are not in it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sidecar.config import environment
from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.file.text_file import MOST_BYTES
from sidecar.config.load import load
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.settings import Settings

NAME = "last-good.yaml"


class LoadedSettings(NamedTuple):
    """The settings to start with.

    ``faults``: those of the present file, if the settings are from the last good one.
    """

    settings: Settings
    faults: tuple[ConfigProblem, ...]


def load_or_last_good(environ: Mapping[str, str], path: Path | None) -> LoadedSettings:
    """As ``load``; if the file has faults, load the last good one, if there is one.

    Raises ConfigError if there is none, or if faults remain with it. Reads files.
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
    """Save the text of the file that these settings are from. Raises OSError.

    Without a file it does nothing. The write is atomic; only Sidecar's user may read.
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
