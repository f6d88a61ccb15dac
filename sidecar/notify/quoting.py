"""Words of others in a message: they look as they did, and are no markup in any chat.

Each chat has a markup of its own, and none can be switched off in all of them. So the
characters that it takes are put as others that look like them.
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
    """Words of others without mentions, links and markup. A plain name stays exact."""
    if _NAMES.fullmatch(words):
        return words
    words = _SCHEME.sub("\u2236", printable(words).translate(_LOOKS_LIKE))
    words = _LINK.sub("] ", _DOMAIN.sub("\u2024", words))
    return _HEADING.sub("\\1\uff03", words)


def unmarked(command: str) -> str:
    """A command as it is, for it is to be pasted; empty where it has markup in it.

    The ending of a compose file is no domain.
    """
    without_ending = re.sub(r"\.ya?ml(?=$|['\s])", "", command)
    return command if quote(without_ending) == without_ending else ""
