"""Position in a log: which lines are new after the log was opened again."""

from collections import Counter
from zlib import crc32

from sidecar.core.model.log_mark import JudgedLine, LogLine, LogPosition

KEPT_LINES = 64
"""Number of lines that a position names one by one."""


def identify_line(line: LogLine) -> JudgedLine:
    """The identity of a line."""
    return JudgedLine(line.at_nano, crc32(line.text))


class LogCursor:
    """Moves a position over lines as they come, and recognises those judged before.

    Two lines that are equal in time and text are two lines. No line is judged twice. A
    line is lost only if its time is earlier than that of KEPT_LINES lines before it.
    """

    def __init__(self, position: LogPosition) -> None:
        self._position = position
        self._known: Counter[JudgedLine] = Counter()
        self._is_first = False
        self.open_again()

    @property
    def position(self) -> LogPosition:
        """Position after the last line."""
        return self._position

    def open_again(self) -> None:
        """Expect the lines from the position on once more."""
        self._known = Counter(self._position.recent)
        floor_nano = self._position.floor_nano
        self._is_first = any(line.at_nano > floor_nano for line in self._known)

    @property
    def since_nano(self) -> int:
        """The time from which on lines are still needed."""
        return self._position.floor_nano + 1

    @property
    def last_nano(self) -> int:
        """The time of the last line."""
        recent = self._position.recent
        return recent[-1].at_nano if recent else self._position.floor_nano

    def is_gap_before(self, line: LogLine) -> bool:
        """Are lines missing before this one, the next after the log was opened?

        Then the first line is not one of those that were judged before.
        """
        is_first, self._is_first = self._is_first, False
        return is_first and identify_line(line) not in self._known

    def is_new(self, line: LogLine) -> bool:
        """Was this line not judged before? It counts as judged from now on."""
        if line.at_nano <= self._position.floor_nano:
            return False
        identity = identify_line(line)
        if self._known[identity] > 0:
            self._known[identity] -= 1
            return False
        self._position = _move_on(self._position, identity)
        return True


def _move_on(position: LogPosition, line: JudgedLine) -> LogPosition:
    recent = (*position.recent, line)
    if len(recent) <= KEPT_LINES:
        return position._replace(recent=recent)
    floor_nano = max(position.floor_nano, recent[0].at_nano)
    return LogPosition(floor_nano, recent[1:])
