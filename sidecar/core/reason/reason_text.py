"""Encoding of reasons as text for storage and messages."""

import json
from typing import Any

from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.reason import NO_REASON, Parameter, Reason, text_reason

_CODES = {code.value: code for code in ReasonCode}


def reason_facts(name: str, reason: Reason) -> dict[str, str]:
    """Facts of a reason: the English sentence, and its data under ``NAME_data``."""
    return {name: str(reason), f"{name}_data": encode_reason(reason)}


def encode_reason(reason: Reason) -> str:
    """A reason as one text; empty for NO_REASON."""
    return json.dumps(reason, ensure_ascii=False) if reason else ""


def decode_reason(data: str, sentence: str = "") -> Reason:
    """The reason in ``data``; if that cannot be decoded, the text ``sentence``.

    Data may be of another version, or damaged.
    """
    try:
        return _parse_reason(json.loads(data)) if data else text_reason(sentence)
    except (ValueError, TypeError):
        return text_reason(sentence)


def decode_recorded_reason(data: str, code: str, sentence: str) -> Reason:
    """The reason of a record: from ``data``, else from ``code`` if its text is always
    the same, else the text ``sentence``.
    """
    if not data and code in _CODES and (reason := Reason(_CODES[code])).is_complete:
        return reason if reason else NO_REASON
    return decode_reason(data, sentence)


def _parse_reason(raw: Any) -> Reason:  # noqa: ANN401 - whatever JSON holds
    code, parameters = raw
    values = tuple((str(name), _parse_value(value)) for name, value in parameters)
    reason = Reason(ReasonCode(code), values)
    if not reason.is_complete:
        raise ValueError(f"{code} has other parameters")
    return reason if reason else NO_REASON


def _parse_value(raw: Any) -> Parameter:  # noqa: ANN401
    if isinstance(raw, list):
        return _parse_reason(raw)
    if isinstance(raw, str | int | float):
        return raw
    raise TypeError(f"{type(raw).__name__} is no parameter")
