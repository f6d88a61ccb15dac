"""Read the configuration: all of it, or all of its faults."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from sidecar.config import environment
from sidecar.config.build import probe_paths, target
from sidecar.config.check import stack_faults, target_faults, warnings
from sidecar.config.document import document_faults, later, read_secrets
from sidecar.config.environment import Said
from sidecar.config.fault import ConfigFaults, Fault
from sidecar.config.file import read_regular
from sidecar.config.model import Defaults, Document, TargetSection, said
from sidecar.config.notify import notify_settings
from sidecar.config.secret import Vault, secrets_of
from sidecar.config.secret_text import SHORT
from sidecar.config.settings import Settings
from sidecar.config.tree import Path as TreePath
from sidecar.config.tree import Tree, dotted, leaves, merged
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
    environ = environment.given(environ)
    file = path or _file(environ)
    spoken = environment.overlay(environ)
    pair = Said() if file else environment.classic(environ)
    text, faults = _text(file, text) if file else (None, pair.faults)
    tree, more = _parse(text, str(file)) if text is not None else (pair.tree, [])
    names = {**spoken.names, **pair.names}
    written = {key: f"file {file}" for key in map(dotted, leaves(tree)) if file}
    faults = [*faults, *more, *environment.misspelt(environ)]
    vault = Vault()
    process, own_faults = environment.process(environ, vault)
    document, shape_faults, gone = _document(merged(spoken.tree, tree))
    targets = _targets(document, vault)
    read_secrets(document, vault)
    notify = notify_settings(document, vault)
    judged = _judged(document, targets, _names(tree))
    rest = _not_below(gone, [*judged, *vault.faults])
    _refuse([*faults, *own_faults, *shape_faults, *rest], names)
    return Settings(
        stack=said(document.stack, None),
        host_name=said(document.host_name, None),
        mode=Mode(said(document.mode, Mode.ACT)),
        language=said(document.language, "en"),
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


def _text(file: Path, instead: str | None) -> tuple[str | None, list[Fault]]:
    if instead is not None:
        return instead, []
    try:
        return read_regular(file, MOST_BYTES).decode("utf-8"), []
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        return None, [Fault(str(file), f"no file to read ({why})", "a file in YAML")]


def _parse(written: str, name: str) -> tuple[Tree, list[Fault]]:
    from sidecar.config import text  # noqa: PLC0415 - YAML weighs 3 MB

    tree, faults = text.parse(written, name)
    return _without_extensions(tree), faults


def _without_extensions(tree: Tree) -> Tree:
    """As in compose, what is below ``x-...`` is the user's own: anchors, notes."""
    assert isinstance(tree, dict)
    return {key: part for key, part in tree.items() if not key.startswith("x-")}


def _document(tree: Tree) -> tuple[Document, list[Fault], list[TreePath]]:
    """What was written, its faults, and the paths that had to be left out."""
    try:
        return msgspec.convert(tree, Document), [], []
    except msgspec.ValidationError as error:
        first = error
    from sidecar.config import shape  # noqa: PLC0415 - jsonschema weighs 6 MB

    found = shape.misfits(tree)
    rest, gone = shape.well_formed(tree, found)
    faults = [misfit.fault for misfit in found]
    try:
        return msgspec.convert(rest, Document), faults, gone
    except msgspec.ValidationError:
        faults.append(Fault(dotted(()), str(first), "what the schema says"))
        return Document(), faults, [()]


def _targets(document: Document, vault: Vault) -> tuple[Target, ...]:
    defaults = said(document.defaults, Defaults())
    sections = said(document.targets, {})
    return tuple(target(name, s, defaults, vault) for name, s in sections.items())


def _names(tree: Tree) -> frozenset[str]:
    targets = tree.get("targets") if isinstance(tree, dict) else None
    return frozenset(targets) if isinstance(targets, dict) else frozenset()


def _judged(
    document: Document, targets: tuple[Target, ...], known: frozenset[str]
) -> Iterator[Fault]:
    sections: Mapping[str, TargetSection] = said(document.targets, {})
    for each in targets:
        yield from target_faults(each, probe_paths(each.name, sections[each.name]))
    yield from stack_faults(targets, known)
    yield from document_faults(document, known)


def _not_below(gone: Iterable[TreePath], faults: Iterable[Fault]) -> Iterator[Fault]:
    """Without those that only follow from what was left out."""
    left_out = tuple(map(dotted, gone))
    for fault in faults:
        if not any(_covers(path, fault.path) for path in left_out):
            yield fault


def _covers(path: str, other: str) -> bool:
    return other == path or other.startswith((f"{path}.", f"{path}["))


def _refuse(faults: Iterable[Fault], names: Mapping[str, str]) -> None:
    named = [replace(fault, path=names.get(fault.path, fault.path)) for fault in faults]
    if named:
        raise ConfigFaults(named)


def _warnings(
    document: Document, targets: tuple[Target, ...], ignored: Mapping[str, str]
) -> Iterator[str]:
    yield from later(document)
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


def _short(vault: Vault, names: Mapping[str, str]) -> Iterator[str]:
    for path in dict.fromkeys(vault.short):
        yield (
            f"{names.get(path, path)}: shorter than {SHORT} characters; where texts "
            "are masked, it takes parts of ordinary words with it; use a longer one"
        )


def _sources(names: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key: f"environment {name}" for key, name in names.items() if name in environ
    }
