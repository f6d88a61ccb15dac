"""Answers of the status page for its script, and the forms of its pages.

The fields of a form are texts, each given at most once.
"""

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType, field

from sidecar.api_types.words import (
    Duration,
    GuardName,
    Instant,
    ReasonCode,
    SeverityName,
    StateName,
    one_of,
)

LevelName = Annotated[str, one_of(("bad", "busy", "warn", "idle", "ok"))]


class PageTarget(Struct, frozen=True):
    """One instance in words of the page's language."""

    id: str
    name: str
    state: StateName
    word: str
    problem: str
    reason: str
    doing: str


class PageIncident(Struct, frozen=True):
    """An open incident."""

    id: str
    target: str
    severity: SeverityName


class PageState(Struct, frozen=True):
    """The content of the page for one kind of viewer.

    ``html`` is by the ids of the page's elements. ``answers``: the Unix time at which
    each instance answered well, by its id. Where ``layout`` differs from that of the
    page, the page must be loaded anew.
    """

    number: int
    at: Instant
    as_of: str
    layout: str
    level: LevelName
    title: str
    targets: tuple[PageTarget, ...]
    incidents: tuple[PageIncident, ...]
    answers: dict[str, float]
    html: dict[str, str]


class RestartObjection(Struct, frozen=True):
    """A guard that would object to a restart now."""

    guard: GuardName
    reason: str
    reason_code: ReasonCode


class RestartQuestion(Struct, frozen=True):
    """The restart must be confirmed; ``html`` asks for that and names the guards."""

    confirm: bool
    target: str
    objections: tuple[RestartObjection, ...]
    html: str


class SignInForm(Struct, frozen=True, forbid_unknown_fields=True):
    """``next`` is the page to go on with."""

    token: str
    next: str = "/"


class SignOutForm(Struct, frozen=True, forbid_unknown_fields=True):
    """``csrf`` is the token of the session."""

    csrf: str


class AckForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The incident to acknowledge."""

    incident: str
    csrf: str
    next: str = "/"


class TargetForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The target of an order."""

    target: str
    csrf: str
    next: str = "/"


class RestartForm(Struct, frozen=True, forbid_unknown_fields=True):
    """``confirm`` must be 1 for a restart; else the answer names the objections."""

    target: str
    csrf: str
    confirm: Annotated[str, one_of(("", "1"))] = ""
    next: str = "/"


class PauseForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The duration of a pause; nothing: until resumed."""

    target: str
    csrf: str
    duration: Duration | UnsetType = field(default=UNSET, name="for")
    next: str = "/"
