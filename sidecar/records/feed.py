"""What happened, as JSON-ready records, for whoever listens."""

from asyncio import Queue, QueueEmpty
from collections import deque
from collections.abc import AsyncIterator
from weakref import WeakSet

from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.moment import rfc3339
from sidecar.core.model.state import State
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    RemedyEnded,
    StateChanged,
    Transition,
)

KEPT_RECORDS = 1000
LISTENER_BACKLOG = 256

Record = dict[str, object]


class RecentFeed:
    """The last records, and listeners; told of every turn by the loop's thread."""

    def __init__(self) -> None:
        self._recent: deque[Record] = deque(maxlen=KEPT_RECORDS)
        self._listeners: WeakSet[_Listener] = WeakSet()
        self._number = 0

    def listen(self) -> AsyncIterator[Record]:
        """Records from now on, until the iterator is dropped.

        It ends when its reader falls LISTENER_BACKLOG records behind.
        """
        listener = _Listener()
        self._listeners.add(listener)
        return listener

    def recent(self, count: int) -> tuple[Record, ...]:
        """The last records, oldest first."""
        return tuple(self._recent)[-count:] if count > 0 else ()

    def tell(
        self,
        event: Event,  # noqa: ARG002 - what it changed is told by the others
        transitions: tuple[Transition, ...],
        decisions: tuple[Decision, ...],
        state: State,  # noqa: ARG002
    ) -> None:
        """Record one turn of the loop."""
        for transition in transitions:
            self._publish(record_of_transition(transition))
        for decision in decisions:
            self._publish(record_of_decision(decision))

    def _publish(self, record: Record) -> None:
        self._number += 1
        numbered = {"number": self._number, **record}
        self._recent.append(numbered)
        for listener in tuple(self._listeners):
            if not listener.offer(numbered):
                self._listeners.discard(listener)


class _Listener:
    """One reader's queue. Dropping it is leaving."""

    def __init__(self) -> None:
        self._queue: Queue[Record | None] = Queue(LISTENER_BACKLOG)

    def offer(self, record: Record) -> bool:
        """Hand over a record; False: the reader is too slow and is cut off."""
        if self._queue.full():
            self._cut_off()
            return False
        self._queue.put_nowait(record)
        return True

    def _cut_off(self) -> None:
        """What waits is void: a reader with a gap must begin anew and knows it."""
        try:
            while True:
                self._queue.get_nowait()
        except QueueEmpty:
            self._queue.put_nowait(None)

    def __aiter__(self) -> "_Listener":
        return self

    async def __anext__(self) -> Record:
        record = await self._queue.get()
        if record is None:
            raise StopAsyncIteration
        return record


def record_of_transition(what: Transition) -> Record:
    """A state change, a remedy's outcome, a balance or an incident's step.

    Everyone may listen, so a balance's amounts are not in it.
    """
    match what:
        case StateChanged():
            return {
                "type": "transition",
                "at": rfc3339(what.at.wall),
                "target": what.name,
                "from": what.old,
                "to": what.new,
                "cause": what.cause,
                "reason": what.reason,
                "incident": what.incident,
            }
        case RemedyEnded():
            return {
                "type": "outcome",
                "at": rfc3339(what.at.wall),
                "target": what.name,
                "action": what.action,
                "trigger": what.trigger,
                "cause": what.cause,
                "outcome": what.outcome,
                "reason": what.reason,
                "seconds": what.seconds,
                "recovery_seconds": what.recovery_s,
                "incident": what.incident,
            }
        case BalanceCompared():
            return {
                "type": "balance",
                "at": rfc3339(what.at.wall),
                "target": what.name,
                "comparison": what.comparison,
                "reason": what.reason,
                "incident": what.incident,
            }
        case IncidentChanged():
            return {
                "type": "incident",
                "at": rfc3339(what.at.wall),
                "target": what.target,
                "step": what.step,
                "reason": what.reason,
                "incident": what.incident,
            }


def record_of_balance(what: BalanceCompared) -> Record:
    """With the amounts, as texts by their parts; null: not known."""
    return {
        **record_of_transition(what),
        "before": what.before.texts() if what.before is not None else None,
        "after": what.after.texts() if what.after is not None else None,
    }


def record_of_decision(decision: Decision) -> Record:
    """What was decided, and why."""
    return {
        "type": "decision",
        "at": rfc3339(decision.at.wall),
        "target": decision.name,
        "action": decision.action,
        "guard": decision.guard,
        "trigger": decision.trigger,
        "cause": decision.cause,
        "reason": decision.reason,
        "incident": decision.incident,
    }
