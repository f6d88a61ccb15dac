"""Convert core values to JSON text and back.

A stored value has the shape of its dataclass. One that misses a newer field gets
that field's default; fields that only another version writes are ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import msgspec

from sidecar.core.model.instance import Instance

EVIDENCE_BYTES = 64 * 1024

T = TypeVar("T")

Plain = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None


class DecodeFailed(ValueError):
    """A stored text does not have the expected shape; the message says why."""


def encode(value: object) -> str:
    """Return JSON. Infinite numbers become null, lone surrogates become ``?``."""
    try:
        return msgspec.json.encode(value, enc_hook=_encode_mapping).decode()
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, enc_hook=_encode_mapping)
        text = json.dumps(plain, ensure_ascii=False)
        return text.encode(errors="replace").decode()


def encode_optional(value: object | None) -> str:
    """A list of the value, or an empty one."""
    return encode(() if value is None else (value,))


def _encode_mapping(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def replace_surrogates(value: object) -> object:
    """Replace lone surrogates in a text: SQLite refuses them. Keep other values."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return value


def decode(text: str, kind: type[T]) -> T:
    """Unreadable."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DecodeFailed(str(error)) from error


def persistent_part(instance: Instance) -> Instance:
    """The part of an instance that is stored; the first listing gives the rest."""
    container, last = instance.container, instance.health.last
    if container is not None:
        container = replace(
            container, health_log="", networks=frozenset(), endpoints=(), labels={}
        )
    if last is not None:
        last = replace(last, wallet=None)
    return replace(
        instance,
        container=container,
        health=replace(instance.health, last=last),
        asked=False,
        asked_now=False,
        looked=None,
        refusal=None,
        wish=None,
    )


def encode_paused(paused: Mapping[str, float]) -> str:
    """A pause without end is null: JSON has no infinity."""
    return encode(dict(paused))


def decode_paused(text: str) -> dict[str, float]:
    """Unreadable."""
    values = decode(text, dict[str, float | None])
    return {k: float("inf") if v is None else v for k, v in values.items()}


def encode_evidence(bundle: Mapping[str, object]) -> str:
    """At most EVIDENCE_BYTES: the largest part is halved, its latest half kept."""
    parts = dict(bundle)
    while len((text := encode(parts)).encode()) > EVIDENCE_BYTES:
        largest = max(parts, key=lambda name: len(encode(parts[name])))
        shorter = _second_half(parts.pop(largest))
        if shorter is not None:
            parts[largest] = shorter
    return text


def _second_half(value: object) -> object | None:
    """The second half of a text or list; None: it cannot be halved."""
    if isinstance(value, str | list | tuple) and len(value) > 1:
        return value[(len(value) + 1) // 2 :]
    return None
