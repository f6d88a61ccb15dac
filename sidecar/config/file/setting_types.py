"""Types of single settings, and the base class of all sections of the file."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct, UnsetType

from sidecar.config.duration import PATTERN, PATTERN_ABOVE_ZERO
from sidecar.core.model.log_sets import PATTERN_CHARACTERS

T = TypeVar("T")
D = TypeVar("D")


def value_or(value: T | UnsetType, default: D) -> T | D:
    """The value, or the default if it is not set."""
    return default if isinstance(value, UnsetType) else value


def tuple_of(value: str | Sequence[str] | UnsetType) -> tuple[str, ...]:
    """The texts of a setting that is one text, a list, or not set."""
    if isinstance(value, UnsetType):
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


_DURATION_WORDS = "a duration such as 500ms, 15s, 2m, 6h or 90d"

Duration = Annotated[
    str,
    Meta(pattern=PATTERN_ABOVE_ZERO, description=f"{_DURATION_WORDS}, above zero"),
]
DurationOrZero = Annotated[
    str, Meta(pattern=PATTERN, description=f"{_DURATION_WORDS}; 0s is none")
]
NAME_WORDS = "a name of letters, digits, '_', '.' and '-'"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
Name = Annotated[str, Meta(pattern=f"^{_NAME}$", description=NAME_WORDS)]
Text = Annotated[str, Meta(min_length=1, description="a text that is not empty")]
Command = Annotated[
    list[str],
    Meta(min_length=1, description="a list: the command and its arguments"),
]
WALLET_PATH_WORDS = "an absolute path, as the daemon's container sees it"
_WALLET_PATH = re.compile(r"/[^\x00-\x1f\x7f]{1,1000}")
# Not by ``pattern``: in a union with a list it makes msgspec 0.22 read beyond the end
# of its own memory, and the process ends by SIGSEGV at a collection of garbage.
WalletPath = Annotated[
    str, Meta(min_length=2, max_length=1001, description=WALLET_PATH_WORDS)
]
LogPattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=PATTERN_CHARACTERS,
        description=f"an expression of 1 to {PATTERN_CHARACTERS} characters",
    ),
]
Percent = Annotated[
    str, Meta(pattern=r"^([1-9][0-9]?|100)%$", description="a share such as 80%")
]
Count = Annotated[int, Meta(ge=1, le=1000)]
Port = Annotated[int, Meta(ge=1, le=65535)]
HttpStatus = Annotated[int, Meta(ge=100, le=599)]
SeverityName = Literal["P0", "P1", "P2", "P3"]
FaultName = Literal[
    "kill", "hang", "refuse", "slow", "upstream", "netcut", "stop", "pause"
]


def is_name(text: str) -> bool:
    """Does the text follow the rule for names of targets?"""
    return re.fullmatch(_NAME, text) is not None


def is_wallet_path(text: str) -> bool:
    """Is the text an absolute path on one line?"""
    return _WALLET_PATH.fullmatch(text) is not None


class Section(Struct, forbid_unknown_fields=True):
    """A mapping of the file; an unknown key is a fault."""
