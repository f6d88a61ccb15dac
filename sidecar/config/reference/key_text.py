"""The text of one key of the file."""

from collections.abc import Mapping
from typing import NamedTuple


class KeyText(NamedTuple):
    """The meaning of a key, in one sentence.

    ``default``: in words, where the settings of the core do not have the default, or
    where it depends on other settings.
    """

    meaning: str
    default: str = ""


SectionTexts = Mapping[str, KeyText]
"""The texts of the keys of one section, by key."""

NONE = "none"


def describe_secret(meaning: str, key: str) -> dict[str, KeyText]:
    """The texts of a secret that is given as it is, or by the name of its file."""
    return {
        key: KeyText(meaning, NONE),
        f"{key}_file": KeyText(f"the file that contains `{key}`", NONE),
    }
