"""Files that `sidecar init` proposes: their change, with secrets masked; writing."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from sidecar.cli.local_commands_port import CommandFailed, PlannedFile, SetupPlan
from sidecar.config.file.raw_tree import Tree, leaves
from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.file.yaml_text import parse_yaml
from sidecar.config.secrets import MASK, is_secret
from sidecar.telemetry.secret_mask import Mask

MOST_BYTES = 1_000_000
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
_KEY_LINE = re.compile(r"(\s*(?:-\s+)?[\"']?([\w-]+)[\"']?\s*:\s+)\S.*")


def plan_files(folder: Path, texts: Mapping[str, str]) -> tuple[PlannedFile, ...]:
    """The files of a folder with their changes. Raises CommandFailed."""
    return tuple(_plan_file(folder / name, text) for name, text in texts.items())


def _plan_file(path: Path, text: str) -> PlannedFile:
    before = _read(path)
    old_lines = _masked_lines(path, before) if before is not None else []
    old_name = str(path) if before is not None else os.devnull
    is_same = before == text.encode()
    diff = difflib.unified_diff(
        old_lines, text.splitlines(), old_name, str(path), lineterm=""
    )
    return PlannedFile(path, text, "" if is_same else "\n".join(diff), before)


def _read(path: Path) -> bytes | None:
    try:
        return read_regular_file(path, MOST_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CommandFailed(f"{path} cannot be read: {why}") from error


def _masked_lines(path: Path, content: bytes) -> list[str]:
    """The lines of a file that is there, without its secrets.

    In a file that is no YAML, nobody knows where a secret is: CommandFailed.
    """
    text = content.decode("utf-8", "replace")
    tree, faults = parse_yaml(text, str(path))
    if faults:
        raise CommandFailed(
            f"{path} is there and is no YAML ({faults[0].actual}), so its secrets "
            "cannot be recognised: move it away, or give another --output"
        )
    mask = Mask(_secrets(tree))
    lines = (_KEY_LINE.sub(_mask_value, line) for line in text.splitlines())
    return [mask(line) for line in lines]


def _mask_value(match: re.Match[str]) -> str:
    return f"{match[1]}{MASK}" if is_secret((match[2],)) else match[0]


def _secrets(tree: Tree) -> Iterator[str]:
    for path in leaves(tree):
        value: object = tree
        for key in path:
            value = value[key]  # type: ignore[index]
        if is_secret(path) and isinstance(value, str | int | float):
            yield str(value)


def write_setup(plan: SetupPlan) -> None:
    """Write the files that differ. Raises CommandFailed.

    Nothing is written if a file is not as it was when its change was shown.
    """
    files = [file for file in plan.files if file.diff]
    for file in files:
        if _read(file.path) != file.before:
            raise CommandFailed(
                f"{file.path} was changed meanwhile: nothing was written, try again"
            )
    for file in files:
        try:
            file.path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            _replace(file.path, file.text)
        except OSError as error:
            why = error.strerror or error
            raise CommandFailed(f"{file.path} cannot be written: {why}") from error


def _replace(path: Path, text: str) -> None:
    """Write the whole file at once: a reader sees the old or the new content."""
    with NamedTemporaryFile(
        "w", dir=path.parent, delete=False, encoding="utf-8"
    ) as new:
        new_path = Path(new.name)
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
            new_path.chmod(_FILE_MODE)
            new_path.replace(path)
        except OSError:
            with suppress(OSError):
                new_path.unlink()
            raise
