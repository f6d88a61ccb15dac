"""A cron line that is due in seconds, read in time on a slow machine too."""

import time
from collections.abc import Callable

SOON_S = (4.0, 16.0, 64.0)
BEGINS_S = 20.0
"""Within this a plan that was in force in time has begun."""

POLL_S = 0.25


def plan_soon(
    read_plan: Callable[[str], object], has_begun: Callable[[], bool] | None = None
) -> int:
    """Have a cron line (UTC) read by ``read_plan`` before it is due.

    ``read_plan`` returns when the line is in force. A line that was due before that
    would come again tomorrow: then a later one is read. But it may have been in force
    in time, and only the word of it came late: ``has_begun`` tells. Returns the Unix
    time at which the line is due.
    """
    for soon_s in SOON_S:
        due_s = int(time.time() + soon_s)
        due = time.gmtime(due_s)
        read_plan(f"{due.tm_sec} {due.tm_min} {due.tm_hour} * * *")
        if time.time() < due_s or (has_begun is not None and _comes_true(has_begun)):
            return due_s
    raise AssertionError(f"no plan was read within {SOON_S[-1]:.0f} s")


def _comes_true(is_true: Callable[[], bool]) -> bool:
    end = time.monotonic() + BEGINS_S
    while time.monotonic() < end:
        if is_true():
            return True
        time.sleep(POLL_S)
    return is_true()
