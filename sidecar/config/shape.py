"""What the JSON Schema finds wrong, all of it, said in our words.

Imported only once a configuration is known to be wrong: jsonschema weighs 6 MB.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sidecar.config.fault import Fault
from sidecar.config.schema import Schema, allowed, resolved, schema
from sidecar.config.secret import shown
from sidecar.config.tree import Path, Tree, dotted, without

_ELSEWHERE = {
    "listen": "set SIDECAR_LISTEN in the environment",
    "state_dir": "set SIDECAR_STATE_DIR in the environment",
    "api_token": "set SIDECAR_API_TOKEN_FILE in the environment",
    "log_level": "set SIDECAR_LOG_LEVEL in the environment",
    "log_format": "set SIDECAR_LOG_FORMAT in the environment",
    "watch_label": "set SIDECAR_WATCH_LABEL in the environment",
}
_LATER = ("log", "memory")
_ROUNDS = 20


class Misfit(NamedTuple):
    """One fault and what to take out so that the rest can still be judged."""

    fault: Fault
    remove: Path


def misfits(tree: Tree) -> list[Misfit]:
    """Everything in the tree that the schema does not allow."""
    errors = Draft202012Validator(schema()).iter_errors(tree)
    return [misfit for error in errors for misfit in _misfits(error)]


def well_formed(tree: Tree, found: Iterable[Misfit]) -> tuple[Tree, list[Path]]:
    """The tree less all that does not fit, and the paths that were taken out."""
    gone: list[Path] = []
    left = list(found)
    for _ in range(_ROUNDS):
        gone += (removed := [_whole_list(misfit.remove) for misfit in left])
        for path in removed:
            tree = without(tree, path)
        left = misfits(tree)
        if not left:
            return tree, gone
    return {}, [()]


def _whole_list(path: Path) -> Path:
    """Without one item the others would be at other places than the file says."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


class _Error(NamedTuple):
    """What of jsonschema's error is of use here."""

    rule: object
    path: Path
    part: Schema
    instance: Any
    of_a_name: bool
    context: tuple[tuple[int, ValidationError], ...]


def _read(error: ValidationError) -> _Error:
    branches = error.context or () if error.validator == "anyOf" else ()
    return _Error(
        error.validator,
        tuple(error.absolute_path),
        cast("Schema", error.schema),
        error.instance,
        "propertyNames" in error.absolute_schema_path,
        tuple((int(inner.schema_path[0]), inner) for inner in branches),
    )


def _misfits(raw: ValidationError) -> Iterator[Misfit]:
    error = _read(raw)
    path, part = error.path, error.part
    if error.rule == "anyOf":
        yield from _of_branches(error)
    elif error.rule == "additionalProperties":
        yield from _unknown_keys(error)
    elif error.rule == "required":
        yield from _missing_keys(error)
    elif error.of_a_name:
        key = (*path, str(error.instance))
        yield Misfit(Fault(dotted(key), "this name", allowed(part)), key)
    else:
        yield Misfit(Fault(dotted(path), _found(error), allowed(part)), path)


def _found(error: _Error) -> str:
    """A text where a mapping or a list is due may hold a secret."""
    misplaced = error.part.get("type") in {"object", "array", None}
    if misplaced and "enum" not in error.part and isinstance(error.instance, str):
        return "a text"
    return shown(error.instance, error.path)


def _unknown_keys(error: _Error) -> Iterator[Misfit]:
    known = list(error.part["properties"])
    for key in error.instance:
        if key not in known:
            path = (*error.path, key)
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else ""
            hint = _ELSEWHERE.get(key, hint)
            words = ", ".join(known)
            yield Misfit(Fault(dotted(path), "an unknown key", words, hint), path)


def _missing_keys(error: _Error) -> Iterator[Misfit]:
    for key in error.part["required"]:
        if key not in error.instance:
            words = allowed(error.part["properties"][key])
            path = dotted((*error.path, key))
            yield Misfit(Fault(path, "nothing", words, "it is needed"), error.path)


def _of_branches(error: _Error) -> Iterator[Misfit]:
    """A choice: only what the branch that was meant objects to is of interest."""
    meant = _meant(error.part, error.instance)
    if meant is not None:
        for branch, inner in error.context:
            if branch == meant:
                yield from _misfits(inner)
    elif "discriminator" in error.part and isinstance(error.instance, dict):
        yield _unknown_kind(error)
    else:
        fault = Fault(dotted(error.path), _found(error), allowed(error.part))
        yield Misfit(fault, error.path)


def _meant(choice: Schema, instance: object) -> int | None:
    """Which branch of a choice the instance tries to be; None: none of them."""
    kinds = list(choice.get("discriminator", {}).get("mapping", {}))
    if kinds:
        kind = instance.get("type") if isinstance(instance, dict) else None
        return kinds.index(kind) if kind in kinds else None
    for index, branch in enumerate(choice["anyOf"]):
        is_list = resolved(branch).get("type") == "array"
        if is_list == isinstance(instance, list):
            return index
    return None


def _unknown_kind(error: _Error) -> Misfit:
    kinds = list(error.part["discriminator"]["mapping"])
    path = (*error.path, "type")
    kind = error.instance.get("type")
    near = get_close_matches(str(kind), kinds, 1)
    hint = f"did you mean {near[0]}?" if near else ""
    if kind in _LATER:
        hint = "this type is not available in this version"
    fault = Fault(dotted(path), shown(kind, path), ", ".join(kinds), hint)
    return Misfit(fault, error.path)
