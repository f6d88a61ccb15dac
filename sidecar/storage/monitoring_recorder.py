"""Intervals in which Sidecar measured."""

import sqlite3

from sidecar.core.model.journal_entry import MonitoredInterval
from sidecar.core.reporting.monitored_time import GAP_S


class MonitoringRecorder:
    """Extends the current interval, or begins another."""

    def __init__(self, last: MonitoredInterval | None) -> None:
        self._current = last

    def note(self, now_wall: float) -> MonitoredInterval:
        """Note a measurement; a gap or a clock set back begins a new interval."""
        interval = self._current
        if interval is None or not -GAP_S <= now_wall - interval.until_wall <= GAP_S:
            self._current = MonitoredInterval(now_wall, now_wall)
        else:
            until = max(now_wall, interval.until_wall)
            self._current = interval._replace(until_wall=until)
        return self._current


def last_interval(connection: sqlite3.Connection) -> MonitoredInterval | None:
    """The interval that was noted last."""
    row = connection.execute(
        "SELECT from_wall, until_wall FROM watched ORDER BY rowid DESC LIMIT 1"
    ).fetchone()
    return None if row is None else MonitoredInterval(*row)
