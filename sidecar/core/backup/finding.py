"""Findings about a wallet file, or a copy of it."""

from enum import StrEnum
from typing import NamedTuple, Self

from sidecar.core.reason.reason import Reason


class FindingCode(StrEnum):
    """Public names of what can be wrong with a wallet file.

    ``is_damage``: a daemon that starts with this file does not have its wallet any
    more, so restarts are held. Other findings are reported only.
    """

    is_damage: bool

    def __new__(cls, name: str, is_damage: bool = True) -> Self:  # noqa: FBT001, FBT002
        """A member with its consequence; its value is the name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.is_damage = is_damage
        return member

    TRUNCATED = "truncated"
    """It ends in the middle."""
    SHRUNKEN = "shrunken"
    """It has fewer addresses than its last backup, or less than half of its bytes."""
    OTHER_WALLET = "other_wallet"
    """It is another wallet than at its last backup, such as a new and empty one."""
    WRONG_OWNER = "wrong_owner"
    """It belongs to another user than at its last backup."""
    UNREADABLE = "unreadable"
    """It is neither a wallet nor an encrypted wallet."""
    ABSENT = "absent"
    """There is no such file, and there was one at its last backup."""
    NOT_LOADED = ("not_loaded", False)
    """A fresh daemon of the same image did not load the copy: the restore test."""
    NOT_ENCRYPTED = ("not_encrypted", False)
    """It is not encrypted, although it was, or although a password is configured."""


class Finding(NamedTuple):
    """One finding: its code, and the sentence for people."""

    code: FindingCode
    reason: Reason


def find_damage(findings: tuple[Finding, ...]) -> Reason | None:
    """The reason to hold restarts; None: no finding is a damage."""
    return next((f.reason for f in findings if f.code.is_damage), None)
