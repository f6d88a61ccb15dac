"""What the messages that wait look like now, by the state that the loop is in."""

from collections.abc import Callable, Sequence

from sidecar.core.freshness import as_of_now, over
from sidecar.core.ports import Clock
from sidecar.core.record import Message
from sidecar.core.state import State


class News:
    """Brings messages up to date; ``state`` gives the present one."""

    def __init__(self, state: Callable[[], State], clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def over(self, waiting: Sequence[Message]) -> tuple[Message, ...]:
        """Those of one channel that need not be sent any more."""
        return over(self._state(), waiting)

    def as_of_now(self, message: Message) -> Message:
        """The message with the facts of now."""
        return as_of_now(self._state(), message, self._clock.now())
