"""The last records, and the listeners to new ones."""

from asyncio import Queue, QueueEmpty
from collections import deque
from collections.abc import AsyncIterator
from weakref import WeakSet

from sidecar.core.model.step_result import StepResult
from sidecar.core.reporting.journal_records import (
    JsonRecord,
    record_of_decision,
    record_of_transition,
)

KEPT_RECORDS = 1000
LISTENER_BACKLOG = 256


class EventFeed:
    """Keeps the last records and the listeners; called in the loop's thread."""

    def __init__(self) -> None:
        self._recent: deque[JsonRecord] = deque(maxlen=KEPT_RECORDS)
        self._listeners: WeakSet[_Listener] = WeakSet()
        self._number = 0

    def listen(self) -> AsyncIterator[JsonRecord]:
        """Records from now on, until the iterator is dropped.

        It ends when its reader falls LISTENER_BACKLOG records behind.
        """
        listener = _Listener()
        self._listeners.add(listener)
        return listener

    def recent(self, count: int) -> tuple[JsonRecord, ...]:
        """The last records, oldest first."""
        return tuple(self._recent)[-count:] if count > 0 else ()

    def on_step(self, result: StepResult) -> None:
        """Record one step of the loop."""
        for transition in result.transitions:
            self._publish(record_of_transition(transition))
        for decision in result.decisions:
            self._publish(record_of_decision(decision))

    def _publish(self, record: JsonRecord) -> None:
        self._number += 1
        numbered = {"number": self._number, **record}
        self._recent.append(numbered)
        for listener in tuple(self._listeners):
            if not listener.offer(numbered):
                self._listeners.discard(listener)


class _Listener:
    """One reader's queue; a reader leaves by dropping it."""

    def __init__(self) -> None:
        self._queue: Queue[JsonRecord | None] = Queue(LISTENER_BACKLOG)

    def offer(self, record: JsonRecord) -> bool:
        """Hand over a record; False: the reader is too slow and is cut off."""
        if self._queue.full():
            self._cut_off()
            return False
        self._queue.put_nowait(record)
        return True

    def _cut_off(self) -> None:
        """Drop the waiting records and end: a reader with a gap must begin anew."""
        try:
            while True:
                self._queue.get_nowait()
        except QueueEmpty:
            self._queue.put_nowait(None)

    def __aiter__(self) -> "_Listener":
        return self

    async def __anext__(self) -> JsonRecord:
        record = await self._queue.get()
        if record is None:
            raise StopAsyncIteration
        return record
