"""The last records, and the listeners to new ones."""

from asyncio import Queue, QueueEmpty
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from weakref import WeakSet

from sidecar.core.model.step_result import StepResult
from sidecar.core.reporting.journal_records import (
    JsonRecord,
    record_of_decision,
    record_of_task_run,
    record_of_transition,
)

KEPT_RECORDS = 1000
LISTENER_BACKLOG = 256


class EventFeed:
    """Keeps the last records and the listeners; called in the loop's thread.

    The first record has the number ``first_number``. A feed that begins later has to
    begin above all numbers of an earlier one, or a reader of both would miss a gap.
    """

    def __init__(self, first_number: int = 1) -> None:
        self._recent: deque[JsonRecord] = deque(maxlen=KEPT_RECORDS)
        self._listeners: WeakSet[_Listener] = WeakSet()
        self._next_number = first_number

    def listen(self, after: int | None = None) -> AsyncIterator[JsonRecord]:
        """Records from now on, until the iterator is dropped.

        It begins with the kept records after the number ``after``, if that is given,
        and before them with a record ``gap`` where some are missing. It ends when its
        reader falls LISTENER_BACKLOG records behind.
        """
        missed = () if after is None else self._records_after(after)
        listener = _Listener(missed)
        self._listeners.add(listener)
        return listener

    def _records_after(self, after: int) -> tuple[JsonRecord, ...]:
        first_kept = self._next_number - len(self._recent)
        if first_kept - 1 <= after < self._next_number:
            return tuple(islice(self._recent, after + 1 - first_kept, None))
        return (_gap_record(after, first_kept), *self._recent)

    def recent(self, count: int) -> tuple[JsonRecord, ...]:
        """The last records, oldest first."""
        return tuple(self._recent)[-count:] if count > 0 else ()

    def on_step(self, result: StepResult) -> None:
        """Record one step of the loop."""
        for transition in result.transitions:
            self._publish(record_of_transition(transition))
        for decision in result.decisions:
            self._publish(record_of_decision(decision))
        for run in result.task_runs:
            self._publish(record_of_task_run(run))

    def _publish(self, record: JsonRecord) -> None:
        numbered = {"number": self._next_number, **record}
        self._next_number += 1
        self._recent.append(numbered)
        for listener in tuple(self._listeners):
            if not listener.offer(numbered):
                self._listeners.discard(listener)


def _gap_record(after: int, first_kept: int) -> JsonRecord:
    """Record of missing records: those between ``after`` and ``first_kept``.

    Its number is that of the record before ``first_kept``, so that a reader who goes
    on from there hears of the gap once.
    """
    return {"number": first_kept - 1, "type": "gap", "after": after}


class _Listener:
    """One reader's queue; a reader leaves by dropping it."""

    def __init__(self, missed: tuple[JsonRecord, ...]) -> None:
        self._missed = iter(missed)
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
        missed = next(self._missed, None)
        record = missed if missed is not None else await self._queue.get()
        if record is None:
            raise StopAsyncIteration
        return record
