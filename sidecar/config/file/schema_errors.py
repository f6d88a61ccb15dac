"""All violations of the JSON Schema as faults in Sidecar's own words.

Imported only for a configuration with faults: jsonschema takes 6 MB of memory.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sidecar.config.file.raw_tree import Path, Tree, dotted_path, without_path
from sidecar.config.file.schema import (
    RENAMED_KEYS,
    Schema,
    dereference,
    describe_allowed,
    schema,
)
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import show_masked
from sidecar.core.text.known_names import find_nearest

_ELSEWHERE = {
    "listen": "set SIDECAR_LISTEN in the environment",
    "state_dir": "set SIDECAR_STATE_DIR in the environment",
    "api_token": "set SIDECAR_API_TOKEN_FILE in the environment",
    "log_level": "set SIDECAR_LOG_LEVEL in the environment",
    "log_format": "set SIDECAR_LOG_FORMAT in the environment",
    "watch_label": "set SIDECAR_WATCH_LABEL in the environment",
}
_ROUNDS = 20


class SchemaProblem(NamedTuple):
    """One fault, and the path to remove so that the rest can still be checked."""

    fault: ConfigProblem
    remove: Path


def find_schema_problems(
    tree: Tree, whole: Schema | None = None
) -> list[SchemaProblem]:
    """All parts of the tree that the schema does not allow; None: ``sidecar.yaml``."""
    errors = Draft202012Validator(whole or schema()).iter_errors(tree)
    return [problem for error in errors for problem in _problems_of(error)]


def remove_problems(
    tree: Tree, problems: Iterable[SchemaProblem]
) -> tuple[Tree, list[Path]]:
    """The tree without the parts that do not fit, and the paths of those parts."""
    all_removed: list[Path] = []
    remaining = list(problems)
    for _ in range(_ROUNDS):
        all_removed += (
            removed := [_list_path(problem.remove) for problem in remaining]
        )
        for path in removed:
            tree = without_path(tree, path)
        remaining = find_schema_problems(tree)
        if not remaining:
            return tree, all_removed
    return {}, [()]


def _list_path(path: Path) -> Path:
    """The path of the list around an item: removing one item would move the others."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


class _Error(NamedTuple):
    """The parts of a jsonschema error that are used here."""

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
        yield from _branch_problems(error)
    elif error.rule == "additionalProperties":
        yield from _unknown_keys(error)
    elif error.rule == "required":
        yield from _missing_keys(error)
    elif error.of_a_name:
        key = (*path, str(error.instance))
        yield SchemaProblem(
            ConfigProblem(dotted_path(key), "this name", describe_allowed(part)), key
        )
    else:
        yield SchemaProblem(
            ConfigProblem(
                dotted_path(path), _describe_value(error), describe_allowed(part)
            ),
            path,
        )


def _describe_value(error: _Error) -> str:
    """The value as a fault shows it.

    A text in the place of a mapping or a list may hold a secret: it is not shown.
    """
    misplaced = error.part.get("type") in {"object", "array", None}
    if misplaced and "enum" not in error.part and isinstance(error.instance, str):
        return "a text"
    return show_masked(error.instance, error.path)


def _unknown_keys(error: _Error) -> Iterator[SchemaProblem]:
    known_keys = list(error.part["properties"])
    for key in error.instance:
        if key not in known_keys:
            path = (*error.path, key)
            near = find_nearest(key, known_keys)
            hint = f"did you mean {near}?" if near else ""
            hint = _ELSEWHERE.get(key, hint)
            if key in RENAMED_KEYS:
                hint = f"it is called {RENAMED_KEYS[key]} now"
            words = ", ".join(known_keys)
            yield SchemaProblem(
                ConfigProblem(dotted_path(path), "an unknown key", words, hint), path
            )


def _missing_keys(error: _Error) -> Iterator[SchemaProblem]:
    for key in error.part["required"]:
        if key not in error.instance:
            words = describe_allowed(error.part["properties"][key])
            path = dotted_path((*error.path, key))
            yield SchemaProblem(
                ConfigProblem(path, "nothing", words, "it is needed"), error.path
            )


def _branch_problems(error: _Error) -> Iterator[SchemaProblem]:
    """The problems of a choice: only those of the branch that was probably meant."""
    branch_index = _closest_branch(error.part, error.instance)
    if branch_index is not None:
        for branch, inner in error.context:
            if branch == branch_index:
                yield from _problems_of(inner)
    elif "discriminator" in error.part and isinstance(error.instance, dict):
        yield _unknown_kind(error)
    else:
        fault = ConfigProblem(
            dotted_path(error.path),
            _describe_value(error),
            describe_allowed(error.part),
        )
        yield SchemaProblem(fault, error.path)


def _closest_branch(choice: Schema, instance: object) -> int | None:
    """The branch of a choice that the instance resembles; None if there is none."""
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
    near = find_nearest(str(kind), kinds)
    hint = f"did you mean {near}?" if near else ""
    fault = ConfigProblem(
        dotted_path(path), show_masked(kind, path), ", ".join(kinds), hint
    )
    return SchemaProblem(fault, error.path)
