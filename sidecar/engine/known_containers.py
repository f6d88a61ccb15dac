"""Find the containers that a list shows to be unchanged since their inspect. Pure.

An inspect costs Sidecar and the engine some 0.7 ms each: of 10,000 containers every
30 s this was a third of a core, and it held up the probes. So a list asks again about
those only of which something may be new.

A container that runs on needs no further inspect: its run, its process, its limits and
its addresses are the same. That it runs on is known from its entry. The engine writes
"Up 5 seconds" below a minute and "Up 3 hours" beyond. One that was seen running less
than a minute ago, and is said to be up for longer than a minute, was not restarted in
between. What an event names, and what is not plainly well, is inspected each time; of
the others one in forty, the oldest, so that even a lost event is noticed, in 40 lists
for up to 2,000 containers. More than 50 are not inspected: 250 of 10,000 made up to
2,000 probes late.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.container import Container
from sidecar.core.ports.engine import Connected, Disconnected, EngineEvent
from sidecar.engine import api_types

SEEN_WITHIN_S = 55.0
"""A minute, less 5 s for the difference between the clocks of engine and Sidecar."""
INSPECTED_PART = 40
"""Each list inspects one in so many of the containers that seem unchanged."""
MOST_INSPECTED = 50
"""The most of them that one list inspects."""

_UP_FOR_LONG = re.compile(
    r"Up (?:About an? (?:minute|hour)|\d+ (?:minutes|hours|days|weeks|months|years))"
    r"(?: \(healthy\))?"
)
"""The words of Docker's list; any others lead to an inspect."""


class KnownContainer(NamedTuple):
    """A container as it was inspected."""

    container: Container
    inspected_mono: float
    """Before the request of the inspect; monotonic seconds."""
    mark: int
    """What its entry in the list said besides the time since its start."""


class KnownContainers(NamedTuple):
    """The containers of a list, by id."""

    by_id: Mapping[str, KnownContainer] = MappingProxyType({})
    listed_mono: float = 0.0
    """Before the request of the list, which showed them all; monotonic seconds."""


NONE_KNOWN = KnownContainers()


class Comparison(NamedTuple):
    """A list beside what was known; ids of containers."""

    unchanged: frozenset[str] = frozenset()
    """No inspect is needed."""
    rechecked: frozenset[str] = frozenset()
    """They seem unchanged, and are inspected because that was longest ago."""


class HeardEvents:
    """The events that were heard of each container since its inspect."""

    def __init__(self) -> None:
        self._connected_mono: float | None = None
        """When it was certain that no event will be lost; None: they may be."""
        self._named_mono: dict[str, float] = {}
        """When an event last named a container, by its id."""

    def note(
        self, item: EngineEvent | Connected | Disconnected, now_mono: float
    ) -> None:
        """Note an item of the event stream."""
        match item:
            case EngineEvent():
                self._named_mono[item.container_id] = now_mono
            case Connected():
                self._connected_mono = now_mono
            case Disconnected():
                self._connected_mono = None

    def find_doubted(self, known: KnownContainers) -> frozenset[str] | None:
        """The ids of those of which an event may have told a change; None: all.

        Events about other containers are forgotten.
        """
        named = self._named_mono
        self._named_mono = {i: named[i] for i in named.keys() & known.by_id.keys()}
        if self._connected_mono is None:
            return None
        connected_mono = self._connected_mono
        return frozenset(
            container_id
            for container_id, container in known.by_id.items()
            if container.inspected_mono
            <= max(connected_mono, self._named_mono.get(container_id, 0.0))
        )


def mark_entry(entry: api_types.ListedState) -> int:
    """A number that changes with the container's name, health or networks.

    Its labels and its image never change.
    """
    is_checked = entry.status.endswith("(healthy)")
    return hash((bytes(entry.names), is_checked, bytes(entry.network_settings)))


def compare_list(
    entries: Iterable[api_types.ListedState], known: KnownContainers, listed_mono: float
) -> Comparison:
    """Compare the entries of a list that was complete at ``listed_mono``."""
    unchanged = [
        before
        for entry in entries
        if (before := known.by_id.get(entry.id)) is not None
        and listed_mono - max(known.listed_mono, before.inspected_mono) < SEEN_WITHIN_S
        and _UP_FOR_LONG.fullmatch(entry.status)
        and before.mark == mark_entry(entry)
    ]
    unchanged.sort(key=lambda before: before.inspected_mono)
    oldest = min(-(-len(unchanged) // INSPECTED_PART), MOST_INSPECTED)
    ids = [before.container.id for before in unchanged]
    return Comparison(frozenset(ids[oldest:]), frozenset(ids[:oldest]))
