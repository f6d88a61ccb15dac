"""Waiting messages, brought up to date with the loop's current state."""

from collections.abc import Callable, Sequence

from sidecar.core.incidents.message_refresh import drop_outdated, refresh_message
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Clock


class CurrentIncidents:
    """Brings messages up to date; ``state`` gives the present one."""

    def __init__(self, state: Callable[[], State], clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def find_outdated(self, waiting: Sequence[Message]) -> tuple[Message, ...]:
        """Messages of one channel that are outdated and need not be sent."""
        return drop_outdated(self._state(), waiting)

    def refresh(self, message: Message) -> Message:
        """The message with the current facts."""
        return refresh_message(self._state(), message, self._clock.now())
