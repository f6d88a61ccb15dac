"""The next due time of each of several cron lines. Pure: times are arguments."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from sidecar.schedule.cron import CronLine, due_times

LATE_S = 60.0
"""A time that is found later than this counts as missed."""

MOST_MISSED = 1000
"""Limit of the missed times of one line that are counted at once."""

_REMEMBERED = 64


class DueTimes(NamedTuple):
    """Times of one line that have come since the last question, in order.

    ``on_time`` None: the last of them is late as well. ``missed_walls`` are too late,
    because Sidecar was down, the host was suspended or the clock was set forward.
    """

    name: str
    on_time: float | None
    missed_walls: tuple[float, ...]


@dataclass(slots=True)
class _Entry:
    """One line. ``next_wall`` None: the line has no further times.

    ``past_walls``: times that were taken; they are not due again when the clock steps
    back over them.
    """

    line: CronLine
    next_wall: float | None = None
    past_walls: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Timetable:
    """Cron lines by name. Each due time is returned once: on time, or as missed."""

    def __init__(self, now_wall: float) -> None:
        self._entries: dict[str, _Entry] = {}
        self._last_wall = now_wall

    def set_lines(
        self,
        lines: Mapping[str, CronLine],
        now_wall: float,
        taken_walls: Mapping[str, float] | None = None,
    ) -> bool:
        """Set the lines in force; an unchanged line keeps its state. Did any change?

        A new line begins now; if ``taken_walls`` has its last taken time, it begins
        there, and what came since is due or missed.
        """
        entries: dict[str, _Entry] = {}
        is_changed = False
        for name, line in lines.items():
            entry = self._entries.get(name)
            if entry is None or entry.line != line:
                entry = _new_entry(name, line, now_wall, (taken_walls or {}).get(name))
                is_changed = True
            entries[name] = entry
        self._entries = entries
        return is_changed

    def take_due(self, now_wall: float) -> list[DueTimes]:
        """The times that have come since the last call; each is taken once."""
        if now_wall < self._last_wall:
            for name, entry in self._entries.items():
                _advance(name, entry, now_wall)
        self._last_wall = now_wall
        return [
            _take(name, entry, now_wall)
            for name, entry in self._entries.items()
            if entry.next_wall is not None and entry.next_wall <= now_wall
        ]

    @property
    def next_wall(self) -> float | None:
        """The next due time of any line."""
        walls = [e.next_wall for e in self._entries.values() if e.next_wall is not None]
        return min(walls, default=None)

    def next_walls(self, name: str) -> Iterator[float]:
        """The next times of a line, in order; none where there is no such line."""
        entry = self._entries.get(name)
        if entry is None or entry.next_wall is None:
            return iter(())
        return _untaken_walls(name, entry)


def _untaken_walls(name: str, entry: _Entry) -> Iterator[float]:
    """The times from ``next_wall`` on that were not taken."""
    assert entry.next_wall is not None
    later = due_times(name, entry.line, entry.next_wall)
    return chain(
        (entry.next_wall,), (wall for wall in later if wall not in entry.past_walls)
    )


def _new_entry(
    name: str, line: CronLine, now_wall: float, taken_wall: float | None
) -> _Entry:
    entry, begin_wall = _Entry(line), now_wall
    if taken_wall is not None:
        entry.past_walls.append(taken_wall)
        # After a clock that was ahead, the last taken time may lie in the future.
        begin_wall = min(taken_wall, now_wall)
    _advance(name, entry, begin_wall)
    return entry


def _advance(name: str, entry: _Entry, after_wall: float) -> None:
    """Set ``next_wall`` to the next time that was not taken."""
    walls = due_times(name, entry.line, after_wall)
    entry.next_wall = next((w for w in walls if w not in entry.past_walls), None)


def _take(name: str, entry: _Entry, now_wall: float) -> DueTimes:
    past: list[float] = []
    for wall in islice(_untaken_walls(name, entry), MOST_MISSED):
        if wall > now_wall:
            break
        past.append(wall)
    last_wall = past[-1]
    is_late = now_wall - last_wall > LATE_S
    entry.past_walls.extend(past[-_REMEMBERED:])
    _advance(name, entry, now_wall)
    if is_late:
        return DueTimes(name, None, tuple(past))
    return DueTimes(name, last_wall, tuple(past[:-1]))
