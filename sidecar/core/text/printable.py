"""Untrusted text made safe for a terminal, a log line and a message."""

import re

_ESCAPES = re.compile(
    # CSI: colours, cursor, screen; OSC, DCS, PM, APC: titles, links, clipboards
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_UNPRINTABLE = re.compile(
    "["
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"  # control characters but tab and newline
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"  # order of writing
    "\\u2028\\u2029"  # other line ends
    "\\u00ad\\u200b\\u2060-\\u2064\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb"  # unseen
    "\\U000e0000-\\U000e007f"  # unseen copies of ASCII
    "]"
)
_SURROGATES = re.compile("[\\ud800-\\udfff]")


def printable(text: str) -> str:
    """Remove terminal escapes and characters that are unsafe to print.

    These are control characters but tab and newline, and characters that are invisible
    or change the direction of text. A half surrogate becomes U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _UNPRINTABLE.sub("", _ESCAPES.sub("", text))
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def mark_unprintable(text: str) -> str:
    """Replace each unprintable character by ``?``, line ends and tabs too."""
    return "".join(c if c.isprintable() else "?" for c in text)


def on_one_line(text: str) -> str:
    """Printable text on one line: each run of white space becomes one space."""
    return " ".join(printable(text).split())
