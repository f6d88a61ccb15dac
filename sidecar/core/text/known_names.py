"""Hints for an unknown name: the names that exist, and the nearest of them."""

from collections.abc import Iterable, Sequence

SHOWN = 10
RESEMBLES = 0.6
"""The share of equal letters from which on two names resemble each other."""
_COMPARED_NAMES, _COMPARED_CHARACTERS = 200, 200
"""Comparing takes time (4 ms for so many), and anybody may send an unknown name."""


def list_known(name: str, known: Iterable[str]) -> str:
    """The existing names, and the one that ``name`` resembles, as half a sentence.

    Such as ``did you mean wallet? there are: wallet, service``.
    """
    names = tuple(dict.fromkeys(known))
    near = find_nearest(name[:_COMPARED_CHARACTERS], names[:_COMPARED_NAMES])
    hint = f"did you mean {near}? " if near else ""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{hint}there are: {', '.join(names[:SHOWN]) or 'none'}{more}"


def find_nearest(
    name: str, known: Sequence[str], cutoff: float = RESEMBLES
) -> str | None:
    """The known name that resembles this one most; None: none does."""
    from difflib import get_close_matches  # noqa: PLC0415 - for unknown names alone

    return next(iter(get_close_matches(name, known, 1, cutoff)), None)
