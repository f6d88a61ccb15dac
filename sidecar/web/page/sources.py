"""Sources of what the page shows, beside the services of the API."""

from collections.abc import Callable
from dataclasses import dataclass

from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.page_texts import LanguageTexts


@dataclass(slots=True)
class PageSources:
    """``read_texts`` reads the texts of a language from files: it blocks.

    A change of the settings increases ``revision``: texts are then read again.
    ``recent_probes`` gives the last checks of an instance, oldest first.
    """

    read_texts: Callable[[str], LanguageTexts]
    recent_probes: Callable[[InstanceId], tuple[ProbeCompleted, ...]]
    revision: int = 0

    def apply(self, read_texts: Callable[[str], LanguageTexts]) -> None:
        """Take the texts of changed settings."""
        self.read_texts = read_texts
        self.revision += 1
