"""Hints for an unknown name: the names that exist, and the nearest of them."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 10
_COMPARED_NAMES, _COMPARED_CHARACTERS = 200, 200
"""Comparing takes time (4 ms for so many), and anybody may send an unknown name."""


def list_known(name: str, known: Iterable[str]) -> str:
    """The existing names, and the one that ``name`` resembles, as half a sentence.

    Such as ``did you mean wallet? there are: wallet, service``.
    """
    names = tuple(dict.fromkeys(known))
    near = get_close_matches(name[:_COMPARED_CHARACTERS], names[:_COMPARED_NAMES], 1)
    hint = f"did you mean {near[0]}? " if near else ""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{hint}there are: {', '.join(names[:SHOWN]) or 'none'}{more}"
