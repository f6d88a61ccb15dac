"""The JSON Schema of the file, and descriptions of what it allows."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from sidecar.config.file.model import Document
from sidecar.config.file.scenario_sections import ScenarioDocument

Schema = Mapping[str, Any]

RENAMED_KEYS = {"after_root": "after_dependency"}
"""Keys of earlier versions, and their present names."""

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@cache
def schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of ``sidecar.yaml``."""
    whole = msgspec.json.schema(Document)
    whole["$defs"][Document.__name__]["patternProperties"] = {"^x-": {}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sidecar.yaml",
        **whole,
    }


@cache
def scenario_schema() -> dict[str, object]:
    """The JSON Schema of a scenario's file."""
    return msgspec.json.schema(ScenarioDocument)


@cache
def _definitions() -> Mapping[str, Schema]:
    """The named parts of both files; a name means the same in both."""
    parts: tuple[Any, Any] = schema()["$defs"], scenario_schema()["$defs"]
    return {**parts[0], **parts[1]}


def dereference(part: Schema) -> Schema:
    """The part of the schema that a reference points to."""
    reference = part.get("$ref")
    if reference is None:
        return part
    return _definitions()[reference.rpartition("/")[2]]


def describe_allowed(part: Schema) -> str:
    """A description of the values that a part of the schema allows."""
    part = dereference(part)
    if "anyOf" in part:
        words = dict.fromkeys(describe_allowed(branch) for branch in part["anyOf"])
        return " or ".join(words)
    if "enum" in part:
        return ", ".join(map(str, part["enum"]))
    if "description" in part and part.get("type") != "object":
        return str(part["description"])
    if part.get("type") == "array" and "enum" not in part:
        return f"a list, each {describe_allowed(part['items'])}"
    return _TYPES.get(part.get("type", ""), "a text") + _range(part)


def _range(part: Schema) -> str:
    if "minimum" in part and "maximum" in part:
        return f" from {part['minimum']} to {part['maximum']}"
    return ""


def _has_keys(part: Schema) -> bool:
    branches = map(dereference, part.get("anyOf", ()))
    return part.get("type") == "object" or any(map(_has_keys, branches))


def keys(part: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Every dotted key below a part of the schema, with its own part.

    Items of lists are left out; a mapping with free keys ends in ``.*``.
    """
    part = dereference(part)
    for branch in part.get("anyOf", ()):
        yield from keys(branch, prefix)
    for name, below in part.get("properties", {}).items():
        inner = dereference(below)
        if _has_keys(inner):
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner
    if isinstance(part.get("additionalProperties"), Mapping):
        yield f"{prefix}*", part["additionalProperties"]
