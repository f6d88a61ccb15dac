"""What the messages that wait look like now, by the state that the loop is in."""

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

    def over(self, waiting: Sequence[Message]) -> tuple[Message, ...]:
        """Those of one channel that need not be sent any more."""
        return drop_outdated(self._state(), waiting)

    def as_of_now(self, message: Message) -> Message:
        """The message with the facts of now."""
        return refresh_message(self._state(), message, self._clock.now())
