"""Read the configuration: all of it, or all of its faults."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from sidecar.config import environment
from sidecar.config.check.document import document_faults, later_problems, read_secrets
from sidecar.config.check.secret_text import SHORT
from sidecar.config.check.targets import stack_faults, target_faults, warnings
from sidecar.config.convert import build_target, probe_paths
from sidecar.config.environment import EnvironmentValues
from sidecar.config.file.model import Defaults, Document, TargetSection
from sidecar.config.file.raw_tree import Path as TreePath
from sidecar.config.file.raw_tree import Tree, dotted, leaves, merge_trees
from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.file.setting_types import value_or
from sidecar.config.notifications import notify_settings
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.secrets import SecretReader, secrets_of
from sidecar.config.settings import Settings
from sidecar.core.model.target import Mode, Target

DEFAULT_FILE = Path("/etc/sidecar/sidecar.yaml")
MOST_BYTES = 1_000_000


def load(
    environ: Mapping[str, str], path: Path | None, text: str | None = None
) -> Settings:
    """The settings in force; ConfigFaults says everything that is wrong.

    ``path`` is the file to read; None: what SIDECAR_CONFIG names, else
    /etc/sidecar/sidecar.yaml if it exists, else the classic pair of the
    environment. ``text`` stands for what is in that file now. Reads files, so it is
    not for the event loop.
    """
    environ = environment.read_environment(environ)
    file = path or _file(environ)
    spoken = environment.environment_tree(environ)
    pair = EnvironmentValues() if file else environment.default_targets(environ)
    text, faults = _text(file, text) if file else (None, pair.faults)
    tree, more = _parse(text, str(file)) if text is not None else (pair.tree, [])
    names = {**spoken.names, **pair.names}
    written = {key: f"file {file}" for key in map(dotted, leaves(tree)) if file}
    faults = [*faults, *more, *environment.misspelt(environ)]
    vault = SecretReader()
    process, own_faults = environment.process_settings(environ, vault)
    document, shape_faults, gone = _document(merge_trees(spoken.tree, tree))
    targets = _targets(document, vault)
    read_secrets(document, vault)
    notify = notify_settings(document, vault)
    judged = _check_targets(document, targets, _names(tree))
    rest = _not_below(gone, [*judged, *vault.faults])
    _refuse([*faults, *own_faults, *shape_faults, *rest], names)
    return Settings(
        stack=value_or(document.stack, None),
        host_name=value_or(document.host_name, None),
        mode=Mode(value_or(document.mode, Mode.ACT)),
        language=value_or(document.language, "en"),
        **process._asdict(),
        targets=targets,
        notify=notify,
        secrets=tuple(dict.fromkeys((*vault.values, *secrets_of(targets)))),
        warnings=(
            *_warnings(document, targets, environ if file else {}),
            *_short(vault, names),
        ),
        document=document,
        sources={**written, **_sources(names, environ)},
        text=text,
    )


def _file(environ: Mapping[str, str]) -> Path | None:
    if "SIDECAR_CONFIG" in environ:
        return Path(environ["SIDECAR_CONFIG"])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _text(file: Path, instead: str | None) -> tuple[str | None, list[ConfigProblem]]:
    if instead is not None:
        return instead, []
    try:
        return read_regular_file(file, MOST_BYTES).decode("utf-8"), []
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        return None, [
            ConfigProblem(str(file), f"no file to read ({why})", "a file in YAML")
        ]


def _parse(written: str, name: str) -> tuple[Tree, list[ConfigProblem]]:
    from sidecar.config.file import yaml_text  # noqa: PLC0415 - YAML weighs 3 MB

    tree, faults = yaml_text.parse_yaml(written, name)
    return _without_extensions(tree), faults


def _without_extensions(tree: Tree) -> Tree:
    """As in compose, what is below ``x-...`` is the user's own: anchors, notes."""
    assert isinstance(tree, dict)
    return {key: part for key, part in tree.items() if not key.startswith("x-")}


def _document(tree: Tree) -> tuple[Document, list[ConfigProblem], list[TreePath]]:
    """What was written, its faults, and the paths that had to be left out."""
    try:
        return msgspec.convert(tree, Document), [], []
    except msgspec.ValidationError as error:
        first = error
    from sidecar.config.file import schema_errors  # noqa: PLC0415 - jsonschema weighs 6 MB

    found = schema_errors.find_schema_problems(tree)
    rest, gone = schema_errors.well_formed(tree, found)
    faults = [misfit.fault for misfit in found]
    try:
        return msgspec.convert(rest, Document), faults, gone
    except msgspec.ValidationError:
        faults.append(ConfigProblem(dotted(()), str(first), "what the schema says"))
        return Document(), faults, [()]


def _targets(document: Document, vault: SecretReader) -> tuple[Target, ...]:
    defaults = value_or(document.defaults, Defaults())
    sections = value_or(document.targets, {})
    return tuple(build_target(name, s, defaults, vault) for name, s in sections.items())


def _names(tree: Tree) -> frozenset[str]:
    targets = tree.get("targets") if isinstance(tree, dict) else None
    return frozenset(targets) if isinstance(targets, dict) else frozenset()


def _check_targets(
    document: Document, targets: tuple[Target, ...], known: frozenset[str]
) -> Iterator[ConfigProblem]:
    sections: Mapping[str, TargetSection] = value_or(document.targets, {})
    for each in targets:
        yield from target_faults(each, probe_paths(each.name, sections[each.name]))
    yield from stack_faults(targets, known)
    yield from document_faults(document, known)


def _not_below(
    gone: Iterable[TreePath], faults: Iterable[ConfigProblem]
) -> Iterator[ConfigProblem]:
    """Without those that only follow from what was left out."""
    left_out = tuple(map(dotted, gone))
    for fault in faults:
        if not any(_is_covered(path, fault.path) for path in left_out):
            yield fault


def _is_covered(path: str, other: str) -> bool:
    return other == path or other.startswith((f"{path}.", f"{path}["))


def _refuse(faults: Iterable[ConfigProblem], names: Mapping[str, str]) -> None:
    named = [replace(fault, path=names.get(fault.path, fault.path)) for fault in faults]
    if named:
        raise ConfigError(named)


def _warnings(
    document: Document, targets: tuple[Target, ...], ignored: Mapping[str, str]
) -> Iterator[str]:
    yield from later_problems(document)
    for each in targets:
        yield from warnings(each)
    of_the_pair = (environment.WALLET, environment.SERVICE)
    # A secret's file is named for the mount as well, which the settings may use.
    mine = (name for name in ignored if name.startswith(of_the_pair))
    unused = sorted(name for name in mine if not name.endswith("_FILE"))
    if unused:
        names = ", ".join(unused)
        yield f"{names}: not used, the configuration file says what is watched"
    if not targets:
        yield "targets: none, so only containers with labels are watched"


def _short(vault: SecretReader, names: Mapping[str, str]) -> Iterator[str]:
    for path in dict.fromkeys(vault.short):
        yield (
            f"{names.get(path, path)}: shorter than {SHORT} characters; where texts "
            "are masked, it takes parts of ordinary words with it; use a longer one"
        )


def _sources(names: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key: f"environment {name}" for key, name in names.items() if name in environ
    }
