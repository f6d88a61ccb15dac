"""The time in which we measured, in stretches."""

import sqlite3

from sidecar.core.model.journal_entry import MonitoredInterval
from sidecar.core.reporting.monitored_time import GAP_S


class MonitoringRecorder:
    """Extends the present stretch, or begins another."""

    def __init__(self, last: MonitoredInterval | None) -> None:
        self._present = last

    def note(self, now_wall: float) -> MonitoredInterval:
        """We are measuring now. After a gap, or a clock set back, a new stretch."""
        known = self._present
        if known is None or not -GAP_S <= now_wall - known.until_wall <= GAP_S:
            self._present = MonitoredInterval(now_wall, now_wall)
        else:
            until = max(now_wall, known.until_wall)
            self._present = known._replace(until_wall=until)
        return self._present


def last_interval(connection: sqlite3.Connection) -> MonitoredInterval | None:
    """The one that was noted last."""
    row = connection.execute(
        "SELECT from_wall, until_wall FROM watched ORDER BY rowid DESC LIMIT 1"
    ).fetchone()
    return None if row is None else MonitoredInterval(*row)
