"""Quote foreign text in a message: it looks the same, and is no markup in any chat.

Each chat has its own markup, which cannot be switched off everywhere. So markup
characters are replaced by others that look like them.
"""

import re

from sidecar.core.text.printable import printable

_LOOKS_LIKE = str.maketrans(
    {
        "@": "\uff20",  # mentions, addresses
        "<": "\u2039",  # Slack's mentions and links, HTML
        ">": "\u203a",
        "`": "\u02cb",  # code: all that follows would be code, our link as well
        "*": "\u2217",
        "~": "\u223c",
        "|": "\u2223",  # hidden text
    }
)
_SCHEME = re.compile(r"(?<=[A-Za-z]):(?=[A-Za-z/])")
_DOMAIN = re.compile(r"(?<=\w)\.(?=[A-Za-z]{2})")
_LINK = re.compile(r"\](?=\()")
_HEADING = re.compile(r"^(\s*(?:-\s*)?)#", re.MULTILINE)
_NAMES = re.compile(r"[\w.-]+(?:, [\w.-]+)*")


def quote(words: str) -> str:
    """Foreign text without mentions, links and markup. A plain name stays exact."""
    if _NAMES.fullmatch(words):
        return words
    words = _SCHEME.sub("\u2236", printable(words).translate(_LOOKS_LIKE))
    words = _LINK.sub("] ", _DOMAIN.sub("\u2024", words))
    return _HEADING.sub("\\1\uff03", words)


def plain_command(command: str) -> str:
    """A command for pasting, unchanged; empty where it contains markup.

    The ending of a compose file does not count as a domain.
    """
    without_ending = re.sub(r"\.ya?ml(?=$|['\s])", "", command)
    return command if quote(without_ending) == without_ending else ""
