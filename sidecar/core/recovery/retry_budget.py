"""How often a remedy may be tried: fast lane, slow lane, dead letter.

Times are monotonic seconds. A lane is re-armed by observed health alone: a
restart call that returned refunds nothing.
"""

import zlib
from dataclasses import replace

from sidecar.core.model.lane import (
    Lane,
    LaneName,
)
from sidecar.core.model.target import InstanceId, RestartSettings

JITTER = 0.2

LONGEST_FAST_LANE = 4
"""Tries that end the fast lane however far apart they were."""
LOADS_EVERY_S = 55.0
"""The longest wait after a load that failed; with its own time, a minute at most."""
LOADS_OFTEN_S = 600.0
"""From the first of them on; whoever puts the file or the password right is at it."""
LOADS_SHARE = 0.001
"""Of the daemon's only thread."""
LOAD_COST_S = 0.01
"""What the first is taken for at most, each later one for twice as much: the rest was
waiting, of ours or in the daemon's queue.
"""
UNSENT_MAX_S = 60.0
MOST_UNSENT = 6
"""So often in a row a try may go uncounted."""
KEPT_TRIES = 100


def tries_in_window(lane: Lane, settings: RestartSettings, now: float) -> int:
    """Tries of the fast lane within its window."""
    return sum(1 for at in lane.spent if now - at < settings.window_s)


def count_try(lane: Lane, now: float) -> Lane:
    """Count a try that begins now."""
    if lane.name is LaneName.FAST:
        return replace(lane, spent=(*lane.spent, now)[-KEPT_TRIES:])
    return replace(lane, slow_tries=lane.slow_tries + 1)


def presume_tries(lane: Lane, settings: RestartSettings, now: float) -> Lane:
    """As if all tries of the fast lane but one had been made now: it is not known
    how many were.
    """
    missing = settings.budget - 1 - tries_in_window(lane, settings, now)
    if lane.name is not LaneName.FAST or missing <= 0:
        return lane
    return replace(lane, spent=(*lane.spent, *(now,) * missing)[-KEPT_TRIES:])


def revert_try(lane: Lane, now: float) -> Lane:
    """Take back a try that was never sent; the next is 1 s later, doubling to 60."""
    wait = min(2.0 ** min(lane.unsent, 10), UNSENT_MAX_S)
    waits = replace(lane, unsent=lane.unsent + 1, not_before=now + wait)
    if lane.name is LaneName.FAST:
        return replace(waits, spent=lane.spent[:-1])
    return replace(waits, slow_tries=lane.slow_tries - 1)


def is_unsent_too_often(lane: Lane) -> bool:
    """Could it not be sent so often that the next time counts as a try?"""
    return lane.unsent >= MOST_UNSENT


def note_failed_try(
    lane: Lane, settings: RestartSettings, who: InstanceId, now: float
) -> Lane:
    """The try ended and the target is not healthy: wait, or change lane."""
    if lane.name is LaneName.DEAD_LETTER:
        return lane
    lane = replace(lane, unsent=0)
    if lane.name is LaneName.FAST and not _is_fast_lane_used_up(lane, settings, now):
        return replace(lane, not_before=now + _backoff_s(lane, settings, who))
    return _leave_fast_lane(lane, settings, now)


def note_failed_load(
    lane: Lane, settings: RestartSettings, who: InstanceId, now: float, cost_s: float
) -> Lane:
    """The same for a load. Loads are cheap and do no harm: they are tried often.

    ``cost_s``: what this one seems to have cost the daemon's thread.
    """
    if lane.name is LaneName.DEAD_LETTER:
        return lane
    lane = replace(lane, unsent=0)
    first = lane.spent[0] if lane.spent else now
    if lane.name is not LaneName.FAST or now - first >= LOADS_OFTEN_S:
        return _leave_fast_lane(lane, settings, now)
    wait = min(_backoff_s(lane, settings, who), LOADS_EVERY_S)
    at_most_s = LOAD_COST_S * 2.0 ** max(0, lane.tries - 1)
    pause = min(min(cost_s, at_most_s) / LOADS_SHARE, LOADS_OFTEN_S)
    return replace(lane, not_before=now + max(wait, pause))


def _leave_fast_lane(lane: Lane, settings: RestartSettings, now: float) -> Lane:
    if lane.slow_tries >= len(settings.slow_lane_s):
        return replace(lane, name=LaneName.DEAD_LETTER)
    wait = settings.slow_lane_s[lane.slow_tries]
    return replace(lane, name=LaneName.SLOW, not_before=now + wait)


def _is_fast_lane_used_up(lane: Lane, settings: RestartSettings, now: float) -> bool:
    """Is the fast lane used up? Tries as rare as its window allows end too."""
    if tries_in_window(lane, settings, now) >= settings.budget:
        return True
    return len(lane.spent) >= max(settings.budget, LONGEST_FAST_LANE)


def enter_slow_lane(lane: Lane, settings: RestartSettings, now: float) -> Lane:
    """Skip what is left of the fast lane: quick tries are known not to help."""
    if lane.name is not LaneName.FAST or not settings.slow_lane_s:
        return lane
    return replace(lane, name=LaneName.SLOW, not_before=now + settings.slow_lane_s[0])


def _backoff_s(lane: Lane, settings: RestartSettings, who: InstanceId) -> float:
    doublings = max(0, min(lane.tries - 1, 30))
    wait = min(settings.backoff_s * 2.0**doublings, settings.backoff_max_s)
    return wait * (1.0 + JITTER * _spread_fraction(who, lane.tries))


def _spread_fraction(who: InstanceId, tries: int) -> float:
    """A number in [0, 1) that spreads targets and is the same at every replay."""
    return zlib.crc32(f"{who.target}/{who.number}/{tries}".encode()) / 2**32
