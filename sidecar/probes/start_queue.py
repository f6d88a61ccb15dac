"""Probes that are due, and results that are not worked in yet: both are bounded."""

from collections import deque

from sidecar.core.model.target import InstanceId

URGENT_IN_A_ROW = 3
"""So many urgent probes go first while others wait: all others are never kept out."""
MOST_UNREAD = 100
"""Results that wait to be worked in, at which no probe begins."""

LOST_S = 60.0
"""A result that was not worked in for so long is lost, and keeps no probe waiting."""


class UnreadResults:
    """The instances with a result that waits to be worked in, the oldest first."""

    def __init__(self) -> None:
        self._posted_mono: dict[InstanceId, float] = {}

    def add(self, instance: InstanceId, now_mono: float) -> None:
        """Note a result that is posted now."""
        self._posted_mono[instance] = now_mono

    def remove(self, instance: InstanceId) -> None:
        """Note that a result was worked in, if there is one."""
        self._posted_mono.pop(instance, None)

    def count_room(self, now_mono: float) -> int:
        """The number of further probes that may begin."""
        room = MOST_UNREAD - len(self._posted_mono)
        if room > 0:
            return room
        instance, posted_mono = next(iter(self._posted_mono.items()))
        if now_mono - posted_mono < LOST_S:
            return 0
        del self._posted_mono[instance]
        return 1


class StartQueue:
    """The instances whose probe is due and has not begun, in the order of their turn.

    An instance is in it once, or once in each of its two rows: urgent ones go first,
    so that a target that fails is judged in its time. Its size is bounded by the
    number of instances.
    """

    def __init__(self) -> None:
        self._urgent: deque[InstanceId] = deque()
        self._others: deque[InstanceId] = deque()
        self._urgent_in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._urgent or self._others)

    def add(self, instance: InstanceId, *, is_urgent: bool) -> None:
        """Put an instance at the end of its row."""
        (self._urgent if is_urgent else self._others).append(instance)

    def take(self) -> InstanceId:
        """Take the next instance. IndexError: there is none."""
        others_turn = self._urgent_in_a_row >= URGENT_IN_A_ROW and self._others
        if self._urgent and not others_turn:
            self._urgent_in_a_row += 1
            return self._urgent.popleft()
        self._urgent_in_a_row = 0
        return self._others.popleft()
