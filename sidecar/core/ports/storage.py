"""Storage as the loop needs it: state, outbox, journal."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    MonitoredInterval,
    TargetSteps,
)
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.model.step_result import (
    StepResult,
)
from sidecar.core.ports.loop import (
    Component,
)


class Store(Protocol):
    """What must survive us. Facts are stored first and told second."""

    async def load(self) -> State | None:
        """The state as it was left, its monotonic times as the dead process knew
        them (``core.restore`` moves them); None where there is none.
        """

    async def append(self, turned: StepResult) -> None:
        """Return once it is on disk. Nothing is raised where that fails: the
        store says so by its component and goes on from memory.
        """

    def component(self) -> Component:
        """Is it writable?"""


class StoreUnavailable(Exception):
    """The store cannot be used; the text says why and what to do."""


class StoreUnusable(StoreUnavailable):
    """The disk does not let anything be kept, now: full, read-only, gone, silent."""


class StoreInUse(StoreUnavailable):
    """Another sidecar has this state directory."""


class Outbox(Protocol):
    """Messages that were stored and not yet delivered. Survives us."""

    async def due(self, channel: str, now_wall: float) -> Message | None:
        """The next message to try: the first undelivered of some incident."""

    async def waiting(self, channel: str) -> tuple[Message, ...]:
        """All that are undelivered, in no order."""

    async def begun(self, message_id: str, not_before_wall: float) -> None:
        """It is being sent: should we die of it, it is not due before then."""

    async def delivered(self, message_id: str, now_wall: float) -> None:
        """It has arrived: never again."""

    async def put_off(
        self, message_id: str, not_before_wall: float, error: str
    ) -> None:
        """It failed for now; counts the attempt."""

    async def given_up(self, message_id: str, now_wall: float, error: str) -> None:
        """It can never be delivered (a permanent error): the next ones may go."""

    async def abandon(self, channel: str, now_wall: float) -> None:
        """There is no such channel any more: its messages are given up."""

    async def pending(self) -> dict[str, int]:
        """How many wait, by channel."""


class Journal(Protocol):
    """What happened, for reports. Times are wall clock seconds."""

    async def entries(
        self,
        since_wall: float,
        until_wall: float,
        *,
        target: str | None = None,
        incident: str | None = None,
        kinds: frozenset[EntryKind] = frozenset(),
    ) -> tuple[JournalEntry, ...]:
        """In order of time, ``until_wall`` excluded; no ``kinds`` means all."""

    def steps(
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        """What a report counts, of each target in order of time; in pieces of bounded
        size, of which two may be about the same target.
        """

    async def incidents(
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        """The last ones, newest first."""

    async def incident(self, which: str) -> Incident | None:
        """One by its id."""

    async def evidence(self, incident: str) -> tuple[Mapping[str, object], ...]:
        """The bundles that were gathered for an incident, oldest first."""

    async def watched(
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        """The stretches in which we measured, clipped to what was asked."""
