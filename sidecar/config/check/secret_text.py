"""Objections to a secret or a user name; they never show its content."""

SHORT = 8
"""A secret below this length can be a part of ordinary words."""

_MARK = "\ufeff"
_QUOTES = "\"'`“”‘’"


def objection(value: str) -> str:
    """The first reason to refuse the value; '' if there is none."""
    if value.startswith(_MARK):
        return "a byte-order mark at its start"
    if value != value.strip():
        return "blanks at its ends"
    if any(ord(c) < ord(" ") or c == "\x7f" for c in value):
        return "a line break or another control character in it"
    if _is_quoted(value):
        return "quotes around it"
    return ""


def username_objection(name: str) -> str:
    """As ``objection``, for a user name: basic authentication allows no colon in it."""
    return objection(name) or ("a ':' in it" if ":" in name else "")


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES
