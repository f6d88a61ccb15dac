"""Protocols of the texts that the status page shows, in one language."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import NamedTuple, Protocol

from sidecar.core.model.incident import Incident
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.reason.reason import Reason


class IncidentTexts(NamedTuple):
    """Sentences of a message about an open incident, as it would be sent now.

    ``doing`` is what is being done or waited for, ``measured`` the last measurement,
    ``advice`` what an operator should do, in several lines. A sentence that the message
    would not have is empty.
    """

    problem: str
    payments: str
    measured: str
    doing: str
    advice: str


class PageWords(Protocol):
    """The texts of one language by key, and its texts of reasons."""

    reasons: Mapping[str, str]

    def __call__(self, key: str, **values: str) -> str:
        """A text with its placeholders filled in; KeyError: no such text."""

    def write_reason(self, reason: Reason) -> str:
        """A reason as a sentence of the language."""


class LanguageTexts(NamedTuple):
    """All that writes the page's texts in one language; ``zone`` is that of its times.

    ``describe`` gives the sentences about an open incident.
    """

    words: PageWords
    describe: Callable[[State, Incident, Moment], IncidentTexts]
    zone: tzinfo
