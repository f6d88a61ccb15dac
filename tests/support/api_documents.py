"""Answers of the API as the documents that clients see."""

from typing import Any

import msgspec

from sidecar.web.response import json_response

Document = Any
"""A JSON document."""


def read_document(answer: msgspec.Struct) -> Document:
    """The JSON document of an answer, read back."""
    body = json_response(answer).body
    assert isinstance(body, bytes)
    return msgspec.json.decode(body)


def read_health(answer: tuple[bool, msgspec.Struct] | None) -> tuple[bool, Document]:
    """Whether the target works, and the document."""
    assert answer is not None
    well, view = answer
    return well, read_document(view)
