"""Reasons as texts that can be stored and sent, and read back."""

import json
from typing import Any

from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.reason import NO_REASON, Parameter, Reason, text_reason


def reason_facts(name: str, reason: Reason) -> dict[str, str]:
    """The sentence in English, and under ``NAME_data`` what it is made of."""
    return {name: str(reason), f"{name}_data": encode_reason(reason)}


def encode_reason(reason: Reason) -> str:
    """A reason as one text; empty: there is none."""
    return json.dumps(reason, ensure_ascii=False) if reason else ""


def decode_reason(data: str, sentence: str = "") -> Reason:
    """The reason that ``data`` holds; where it holds none, ``sentence`` as it is.

    Data of another version, or damaged, holds none.
    """
    try:
        return _read(json.loads(data)) if data else text_reason(sentence)
    except (ValueError, TypeError):
        return text_reason(sentence)


def _read(raw: Any) -> Reason:  # noqa: ANN401 - whatever JSON holds
    code, parameters = raw
    values = tuple((str(name), _read_value(value)) for name, value in parameters)
    found = Reason(ReasonCode(code), values)
    if not found.is_complete:
        raise ValueError(f"{code} has other parameters")
    return found if found else NO_REASON


def _read_value(raw: Any) -> Parameter:  # noqa: ANN401
    if isinstance(raw, list):
        return _read(raw)
    if isinstance(raw, str | int | float):
        return raw
    raise TypeError(f"{type(raw).__name__} is no parameter")
