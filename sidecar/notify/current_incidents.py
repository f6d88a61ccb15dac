"""Waiting messages, brought up to date with the loop's current state."""

from collections.abc import Callable, Sequence

from sidecar.core.incidents.message_refresh import drop_outdated, refresh_message
from sidecar.core.incidents.message_turn import MessageTurn, find_turn
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Clock

LEAVE, WAIT = MessageTurn.LEAVE, MessageTurn.WAIT


class CurrentIncidents:
    """Brings messages up to date; ``state`` gives the present one."""

    def __init__(self, state: Callable[[], State], clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def find_outdated(self, waiting: Sequence[Message]) -> tuple[Message, ...]:
        """Messages of one channel that need not be sent: outdated, or another's."""
        state, now = self._state(), self._clock.now()
        outdated = drop_outdated(state, waiting)
        of_others = (m for m in waiting if find_turn(state.lease, m, now) is LEAVE)
        return tuple({m.id: m for m in (*outdated, *of_others)}.values())

    def must_wait(self, message: Message) -> bool:
        """Does another watchdog send it, unless that one dies?"""
        return find_turn(self._state().lease, message, self._clock.now()) is WAIT

    def refresh(self, message: Message) -> Message:
        """The message with the current facts."""
        return refresh_message(self._state(), message, self._clock.now())
