"""Byte code of the image: without docstrings, and otherwise the same."""

import marshal
from types import CodeType

import pytest

from image.collect_runtime import make_byte_code

SOURCE = b'''"""About the module."""
from __future__ import annotations

class Lamp:
    """About the class."""

def light(lamp):
    """About the function."""
    assert lamp
    return "on"
'''
HEADER_BYTES = 16


def run_module(byte_code: bytes) -> dict[str, object]:
    code = marshal.loads(byte_code[HEADER_BYTES:])
    assert isinstance(code, CodeType)
    assert code.co_filename == "/lamp.py"
    names: dict[str, object] = {"__name__": "lamp"}
    exec(code, names)
    return names


def test_byte_code_has_no_docstrings_and_keeps_its_assertions() -> None:
    names = run_module(make_byte_code(SOURCE, "/lamp.py"))
    lamp, light = names["Lamp"], names["light"]
    assert [names.get("__doc__"), lamp.__doc__, light.__doc__] == [None, None, None]
    assert callable(light)
    assert light(lamp) == "on"
    with pytest.raises(AssertionError):
        light(None)


def test_hash_of_the_source_is_never_checked() -> None:
    flags = int.from_bytes(make_byte_code(SOURCE, "/lamp.py")[4:8], "little")
    assert flags == 1
