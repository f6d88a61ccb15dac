"""What the JSON Schema finds wrong, all of it, said in our words.

Imported only once a configuration is known to be wrong: jsonschema weighs 6 MB.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sidecar.config.file.raw_tree import Path, Tree, dotted, without_path
from sidecar.config.file.schema import (
    RENAMED_KEYS,
    Schema,
    dereference,
    describe_allowed,
    schema,
)
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import show_masked

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


class SchemaProblem(NamedTuple):
    """One fault and what to take out so that the rest can still be judged."""

    fault: ConfigProblem
    remove: Path


def find_schema_problems(tree: Tree) -> list[SchemaProblem]:
    """Everything in the tree that the schema does not allow."""
    errors = Draft202012Validator(schema()).iter_errors(tree)
    return [misfit for error in errors for misfit in _problems_of(error)]


def well_formed(tree: Tree, found: Iterable[SchemaProblem]) -> tuple[Tree, list[Path]]:
    """The tree less all that does not fit, and the paths that were taken out."""
    gone: list[Path] = []
    left = list(found)
    for _ in range(_ROUNDS):
        gone += (removed := [_whole_list(misfit.remove) for misfit in left])
        for path in removed:
            tree = without_path(tree, path)
        left = find_schema_problems(tree)
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


def _read_error(error: ValidationError) -> _Error:
    branches = error.context or () if error.validator == "anyOf" else ()
    return _Error(
        error.validator,
        tuple(error.absolute_path),
        cast("Schema", error.schema),
        error.instance,
        "propertyNames" in error.absolute_schema_path,
        tuple((int(inner.schema_path[0]), inner) for inner in branches),
    )


def _problems_of(raw: ValidationError) -> Iterator[SchemaProblem]:
    error = _read_error(raw)
    path, part = error.path, error.part
    if error.rule == "anyOf":
        yield from _of_branches(error)
    elif error.rule == "additionalProperties":
        yield from _unknown_keys(error)
    elif error.rule == "required":
        yield from _missing_keys(error)
    elif error.of_a_name:
        key = (*path, str(error.instance))
        yield SchemaProblem(
            ConfigProblem(dotted(key), "this name", describe_allowed(part)), key
        )
    else:
        yield SchemaProblem(
            ConfigProblem(dotted(path), _describe_value(error), describe_allowed(part)),
            path,
        )


def _describe_value(error: _Error) -> str:
    """A text where a mapping or a list is due may hold a secret."""
    misplaced = error.part.get("type") in {"object", "array", None}
    if misplaced and "enum" not in error.part and isinstance(error.instance, str):
        return "a text"
    return show_masked(error.instance, error.path)


def _unknown_keys(error: _Error) -> Iterator[SchemaProblem]:
    known = list(error.part["properties"])
    for key in error.instance:
        if key not in known:
            path = (*error.path, key)
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else ""
            hint = _ELSEWHERE.get(key, hint)
            if key in RENAMED_KEYS:
                hint = f"it is called {RENAMED_KEYS[key]} now"
            words = ", ".join(known)
            yield SchemaProblem(
                ConfigProblem(dotted(path), "an unknown key", words, hint), path
            )


def _missing_keys(error: _Error) -> Iterator[SchemaProblem]:
    for key in error.part["required"]:
        if key not in error.instance:
            words = describe_allowed(error.part["properties"][key])
            path = dotted((*error.path, key))
            yield SchemaProblem(
                ConfigProblem(path, "nothing", words, "it is needed"), error.path
            )


def _of_branches(error: _Error) -> Iterator[SchemaProblem]:
    """A choice: only what the branch that was meant objects to is of interest."""
    meant = _closest_branch(error.part, error.instance)
    if meant is not None:
        for branch, inner in error.context:
            if branch == meant:
                yield from _problems_of(inner)
    elif "discriminator" in error.part and isinstance(error.instance, dict):
        yield _unknown_kind(error)
    else:
        fault = ConfigProblem(
            dotted(error.path), _describe_value(error), describe_allowed(error.part)
        )
        yield SchemaProblem(fault, error.path)


def _closest_branch(choice: Schema, instance: object) -> int | None:
    """Which branch of a choice the instance tries to be; None: none of them."""
    kinds = list(choice.get("discriminator", {}).get("mapping", {}))
    if kinds:
        kind = instance.get("type") if isinstance(instance, dict) else None
        return kinds.index(kind) if kind in kinds else None
    for index, branch in enumerate(choice["anyOf"]):
        is_list = dereference(branch).get("type") == "array"
        if is_list == isinstance(instance, list):
            return index
    return None


def _unknown_kind(error: _Error) -> SchemaProblem:
    kinds = list(error.part["discriminator"]["mapping"])
    path = (*error.path, "type")
    kind = error.instance.get("type")
    near = get_close_matches(str(kind), kinds, 1)
    hint = f"did you mean {near[0]}?" if near else ""
    if kind in _LATER:
        hint = "this type is not available in this version"
    fault = ConfigProblem(dotted(path), show_masked(kind, path), ", ".join(kinds), hint)
    return SchemaProblem(fault, error.path)
