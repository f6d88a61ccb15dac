"""Protocols of the storage: state, outbox, journal."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    MonitoredInterval,
    TargetSteps,
)
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import Component


class Store(Protocol):
    """Persistent state and steps. A step is stored before it is reported."""

    async def load(self) -> State | None:
        """The stored state; None: there is none.

        Its monotonic times are of the dead process's clock; ``restore_state`` converts
        them.
        """

    async def append(self, *results: StepResult) -> None:
        """Store steps, all or none of them; return once they are on disk.

        Does not raise on failure: the store's component reports it, and the store
        continues in memory.
        """

    def component(self) -> Component:
        """Health of the store: is it writable?"""


class StoreUnavailable(Exception):
    """The store cannot be used; the text gives the reason and the solution."""


class StoreUnusable(StoreUnavailable):
    """The disk cannot be written now: it is full, read-only, gone or silent."""


class StoreInUse(StoreUnavailable):
    """Another sidecar has this state directory."""


class Outbox(Protocol):
    """Persistent queue of messages that are not delivered yet."""

    async def due(self, channel: str, now_wall: float) -> Message | None:
        """The next message to send: the first undelivered message of an incident."""

    async def list_waiting(self, channel: str) -> tuple[Message, ...]:
        """All undelivered messages, in no order."""

    async def mark_sending(self, message_id: str, not_before_wall: float) -> None:
        """Mark a message as being sent: after a crash it is due at that time."""

    async def mark_delivered(self, message_id: str, now_wall: float) -> None:
        """Mark a message as delivered: it is never sent again."""

    async def put_off(
        self, message_id: str, not_before_wall: float, error: str
    ) -> None:
        """Postpone a message after a temporary error; counts the attempt."""

    async def give_up(self, message_id: str, now_wall: float, error: str) -> None:
        """Give a message up after a permanent error: later messages may be sent."""

    async def abandon(self, channel: str, now_wall: float) -> None:
        """Give up all messages of a channel that no longer exists."""

    async def count_pending(self) -> dict[str, int]:
        """Number of undelivered messages, by channel."""


class Journal(Protocol):
    """Stored history, for reports. Times are wall clock seconds."""

    async def entries(
        self,
        since_wall: float,
        until_wall: float,
        *,
        target: str | None = None,
        incident: str | None = None,
        kinds: frozenset[EntryKind] = frozenset(),
    ) -> tuple[JournalEntry, ...]:
        """Entries in order of time, ``until_wall`` excluded; no ``kinds`` means all."""

    def steps(
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        """Steps for a report, of each target in order of time.

        They come in pieces of bounded size; several may be of the same target.
        """

    async def incidents(
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        """The last incidents, newest first."""

    async def incident(self, incident_id: str) -> Incident | None:
        """The incident of an id; None: there is none."""

    async def evidence(self, incident: str) -> tuple[Mapping[str, object], ...]:
        """The evidence bundles of an incident, oldest first."""

    async def task_runs(
        self, limit: int, task: str | None = None
    ) -> tuple[TaskRun, ...]:
        """The last runs of maintenance tasks, or of one task, newest first."""

    async def drills(
        self, limit: int, target: str | None = None
    ) -> tuple[DrillRecord, ...]:
        """The last drills that have ended, or those of one target, newest first."""

    async def monitored_intervals(
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        """The monitored intervals, clipped to the given times."""
