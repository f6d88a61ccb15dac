"""Loading of the configuration: returns all settings, or raises all faults."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from sidecar.config import environment
from sidecar.config.channels import channel_warnings
from sidecar.config.check.absent_engine import absent_engine_faults
from sidecar.config.check.document import document_faults
from sidecar.config.check.secret_text import SHORT
from sidecar.config.check.targets import stack_faults, target_faults, warnings
from sidecar.config.cluster import cluster_settings
from sidecar.config.convert import build_target, probe_paths
from sidecar.config.environment import EnvironmentValues
from sidecar.config.file.model import Defaults, Document, TargetSection
from sidecar.config.file.notify_sections import Notify
from sidecar.config.file.raw_tree import Path as TreePath
from sidecar.config.file.raw_tree import Tree, dotted_path, leaves, merge_trees
from sidecar.config.file.setting_types import value_or
from sidecar.config.file.text_file import read_text
from sidecar.config.maintenance import maintenance_tasks, maintenance_windows
from sidecar.config.notifications import notify_settings
from sidecar.config.problem import ConfigError, ConfigProblem
from sidecar.config.secrets import SecretReader, secrets_of
from sidecar.config.settings import Settings
from sidecar.core.model.page_access import PageAccess
from sidecar.core.model.target import Mode, Target

DEFAULT_FILE = Path("/etc/sidecar/sidecar.yaml")


def load(
    environ: Mapping[str, str],
    path: Path | None,
    text: str | None = None,
    *,
    reads_secrets: bool = True,
) -> Settings:
    """The settings in force. Raises ConfigError with all faults.

    ``path`` is the file to read; None: the file in SIDECAR_CONFIG, else
    /etc/sidecar/sidecar.yaml if it exists, else the default targets of the
    environment. ``text`` replaces the present content of that file. Without
    ``reads_secrets`` the settings are only good for a check: each secret of a file has
    a value of its own kind instead. Reads files: do not call it on the event loop.
    """
    environ = environment.read_environment(environ)
    file = path or _find_file(environ)
    overrides = environment.environment_tree(environ)
    pair = EnvironmentValues() if file else environment.default_targets(environ)
    text, faults = _read_text(file, text) if file else (None, pair.faults)
    tree, more = _parse(text, str(file)) if text is not None else (pair.tree, [])
    names = {**overrides.names, **pair.names}
    file_sources = {
        key: f"file {file}" for key in map(dotted_path, leaves(tree)) if file
    }
    faults = [*faults, *more, *environment.find_misspelt_variables(environ)]
    reader = SecretReader(
        reads_files=reads_secrets,
        credentials_dir=environ.get("CREDENTIALS_DIRECTORY", ""),
    )
    process, own_faults = environment.process_settings(environ, reader)
    document, shape_faults, removed_paths = _document(merge_trees(overrides.tree, tree))
    targets = _targets(document, reader)
    cluster = cluster_settings(document, reader)
    notify = notify_settings(document, reader)
    tasks = maintenance_tasks(document, reader)
    target_problems = [*_check_targets(document, targets, _target_names(tree))]
    if not process.has_engine:
        target_problems += absent_engine_faults(
            document, targets, tasks, process.watch_label
        )
    rest = _exclude_removed(removed_paths, [*target_problems, *reader.faults])
    _raise_if_any([*faults, *own_faults, *shape_faults, *rest], names)
    return Settings(
        stack=value_or(document.stack, None),
        host_name=value_or(document.host_name, None),
        mode=Mode(value_or(document.mode, Mode.ACT)),
        language=value_or(document.language, "en"),
        page=PageAccess(value_or(document.page, PageAccess.PRIVATE)),
        **process._asdict(),
        targets=targets,
        notify=notify,
        cluster=cluster,
        tasks=tasks,
        windows=maintenance_windows(document),
        secrets=tuple(dict.fromkeys((*reader.values, *secrets_of(targets)))),
        warnings=(
            *_warnings(document, targets, environ if file else {}),
            *_short_secret_warnings(reader, names),
        ),
        document=document,
        sources={**file_sources, **_sources(names, environ)},
        text=text,
    )


def _find_file(environ: Mapping[str, str]) -> Path | None:
    if "SIDECAR_CONFIG" in environ:
        return Path(environ["SIDECAR_CONFIG"])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read_text(
    file: Path, instead: str | None
) -> tuple[str | None, list[ConfigProblem]]:
    if instead is not None:
        return instead, []
    try:
        return read_text(file), []
    except ConfigError as error:
        return None, [*error.faults]


def _parse(text: str, name: str) -> tuple[Tree, list[ConfigProblem]]:
    from sidecar.config.file import yaml_text  # noqa: PLC0415 - YAML weighs 3 MB

    tree, faults = yaml_text.parse_yaml(text, name)
    return _without_extensions(tree), faults


def _without_extensions(tree: Tree) -> Tree:
    """The tree without keys ``x-...``: as in compose, they are the user's own."""
    assert isinstance(tree, dict)
    return {key: part for key, part in tree.items() if not key.startswith("x-")}


def _document(tree: Tree) -> tuple[Document, list[ConfigProblem], list[TreePath]]:
    """The document, its faults, and the paths that were removed because of them."""
    try:
        return msgspec.convert(tree, Document), [], []
    except msgspec.ValidationError as error:
        first = error
    from sidecar.config.file import schema_errors  # noqa: PLC0415 - jsonschema weighs 6 MB

    problems = schema_errors.find_schema_problems(tree)
    rest, removed_paths = schema_errors.remove_problems(tree, problems)
    faults = [problem.fault for problem in problems]
    try:
        return msgspec.convert(rest, Document), faults, removed_paths
    except msgspec.ValidationError:
        faults.append(
            ConfigProblem(dotted_path(()), str(first), "what the schema says")
        )
        return Document(), faults, [()]


def _targets(document: Document, reader: SecretReader) -> tuple[Target, ...]:
    defaults = value_or(document.defaults, Defaults())
    sections = value_or(document.targets, {})
    return tuple(
        build_target(name, s, defaults, reader) for name, s in sections.items()
    )


def _target_names(tree: Tree) -> frozenset[str]:
    targets = tree.get("targets") if isinstance(tree, dict) else None
    return frozenset(targets) if isinstance(targets, dict) else frozenset()


def _check_targets(
    document: Document, targets: tuple[Target, ...], known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    sections: Mapping[str, TargetSection] = value_or(document.targets, {})
    for target in targets:
        yield from target_faults(
            target, probe_paths(target.name, sections[target.name])
        )
    yield from stack_faults(targets, known_names)
    yield from document_faults(document, known_names)


def _exclude_removed(
    removed_paths: Iterable[TreePath], faults: Iterable[ConfigProblem]
) -> Iterator[ConfigProblem]:
    """The faults without those that only follow from a removed path."""
    left_out = tuple(map(dotted_path, removed_paths))
    for fault in faults:
        if not any(_is_covered(path, fault.path) for path in left_out):
            yield fault


def _is_covered(path: str, other: str) -> bool:
    return other == path or other.startswith((f"{path}.", f"{path}["))


def _raise_if_any(faults: Iterable[ConfigProblem], names: Mapping[str, str]) -> None:
    named = [replace(fault, path=names.get(fault.path, fault.path)) for fault in faults]
    if named:
        raise ConfigError(named)


def _warnings(
    document: Document, targets: tuple[Target, ...], ignored: Mapping[str, str]
) -> Iterator[str]:
    yield from channel_warnings(value_or(document.notify, Notify()))
    for target in targets:
        yield from warnings(target)
    of_the_pair = (environment.WALLET, environment.SERVICE)
    # A variable with a secret's file may exist for the mount alone: no warning.
    pair_names = (name for name in ignored if name.startswith(of_the_pair))
    unused = sorted(name for name in pair_names if not name.endswith("_FILE"))
    if unused:
        names = ", ".join(unused)
        yield f"{names}: not used, the configuration file says what is watched"
    if not targets:
        yield "targets: none, so only containers with labels are watched"


def _short_secret_warnings(
    reader: SecretReader, names: Mapping[str, str]
) -> Iterator[str]:
    for path in dict.fromkeys(reader.short):
        yield (
            f"{names.get(path, path)}: shorter than {SHORT} characters; where texts "
            "are masked, it takes parts of ordinary words with it; use a longer one"
        )


def _sources(names: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key: f"environment {name}" for key, name in names.items() if name in environ
    }
