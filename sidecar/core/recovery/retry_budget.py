"""Limits on the tries of a remedy: fast lane, slow lane, dead letter.

Times are monotonic seconds. Only observed health resets a lane: the success of a
restart call does not.
"""

import zlib

from sidecar.core.model.lane import (
    Lane,
    LaneName,
)
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import InstanceId, RestartSettings

JITTER = 0.2

MAX_FAST_TRIES = 4
"""Tries that end the fast lane however far apart they were."""
LOADS_EVERY_S = 55.0
"""The longest wait after a load that failed; with its own time, a minute at most."""
LOADS_OFTEN_S = 600.0
"""Time of frequent loads, from the first one: a repair may be under way."""
LOADS_SHARE = 0.001
"""Share of the daemon's only thread that loads may take."""
LOAD_COST_S = 0.01
"""Highest cost that is assumed for the first load, doubled for each later one: the
rest was waiting, in Sidecar or in the daemon's queue.
"""
UNSENT_MAX_S = 60.0
MAX_UNSENT = 6
"""Limit of unsent tries in a row that are not counted."""
MAX_KEPT_TRIES = 100


def tries_in_window(lane: Lane, settings: RestartSettings, now: float) -> int:
    """Tries of the fast lane within its window."""
    return sum(1 for at in lane.spent if now - at < settings.window_s)


def count_try(lane: Lane, now: float) -> Lane:
    """Count a try that begins now."""
    if lane.name is LaneName.FAST:
        return replace(lane, spent=(*lane.spent, now)[-MAX_KEPT_TRIES:])
    return replace(lane, slow_tries=lane.slow_tries + 1)


def presume_tries(lane: Lane, settings: RestartSettings, now: float) -> Lane:
    """Count all tries of the fast lane but one as made now.

    The number of earlier tries is not known.
    """
    missing = settings.budget - 1 - tries_in_window(lane, settings, now)
    if lane.name is not LaneName.FAST or missing <= 0:
        return lane
    return replace(lane, spent=(*lane.spent, *(now,) * missing)[-MAX_KEPT_TRIES:])


def revert_try(lane: Lane, now: float) -> Lane:
    """Take back a try that was never sent; the next is 1 s later, doubling to 60."""
    wait_s = min(2.0 ** min(lane.unsent, 10), UNSENT_MAX_S)
    waits = replace(lane, unsent=lane.unsent + 1, not_before=now + wait_s)
    if lane.name is LaneName.FAST:
        return replace(waits, spent=lane.spent[:-1])
    return replace(waits, slow_tries=lane.slow_tries - 1)


def is_unsent_too_often(lane: Lane) -> bool:
    """Was it unsent so often that the next unsent try counts?"""
    return lane.unsent >= MAX_UNSENT


def note_failed_try(
    lane: Lane, settings: RestartSettings, instance_id: InstanceId, now: float
) -> Lane:
    """Note a try that did not help: wait before the next one, or change the lane."""
    if lane.name is LaneName.DEAD_LETTER:
        return lane
    lane = replace(lane, unsent=0)
    if lane.name is LaneName.FAST and not _is_fast_lane_used_up(lane, settings, now):
        return replace(lane, not_before=now + _backoff_s(lane, settings, instance_id))
    return _leave_fast_lane(lane, settings, now)


def note_failed_load(
    lane: Lane,
    settings: RestartSettings,
    instance_id: InstanceId,
    now: float,
    cost_s: float,
) -> Lane:
    """Note a load that failed. Loads are cheap and harmless: they are tried often.

    ``cost_s``: time that this load seems to have cost the daemon's thread.
    """
    if lane.name is LaneName.DEAD_LETTER:
        return lane
    lane = replace(lane, unsent=0)
    first = lane.spent[0] if lane.spent else now
    if lane.name is not LaneName.FAST or now - first >= LOADS_OFTEN_S:
        return _leave_fast_lane(lane, settings, now)
    wait_s = min(_backoff_s(lane, settings, instance_id), LOADS_EVERY_S)
    max_cost_s = LOAD_COST_S * 2.0 ** max(0, lane.tries - 1)
    pause_s = min(min(cost_s, max_cost_s) / LOADS_SHARE, LOADS_OFTEN_S)
    return replace(lane, not_before=now + max(wait_s, pause_s))


def _leave_fast_lane(lane: Lane, settings: RestartSettings, now: float) -> Lane:
    if lane.slow_tries >= len(settings.slow_lane_s):
        return replace(lane, name=LaneName.DEAD_LETTER)
    wait_s = settings.slow_lane_s[lane.slow_tries]
    return replace(lane, name=LaneName.SLOW, not_before=now + wait_s)


def _is_fast_lane_used_up(lane: Lane, settings: RestartSettings, now: float) -> bool:
    """Is the fast lane used up? Tries as rare as its window allows end too."""
    if tries_in_window(lane, settings, now) >= settings.budget:
        return True
    return len(lane.spent) >= max(settings.budget, MAX_FAST_TRIES)


def enter_slow_lane(lane: Lane, settings: RestartSettings, now: float) -> Lane:
    """Skip the rest of the fast lane: quick tries are known not to help."""
    if lane.name is not LaneName.FAST or not settings.slow_lane_s:
        return lane
    return replace(lane, name=LaneName.SLOW, not_before=now + settings.slow_lane_s[0])


def _backoff_s(lane: Lane, settings: RestartSettings, instance_id: InstanceId) -> float:
    doublings = max(0, min(lane.tries - 1, 30))
    wait_s = min(settings.backoff_s * 2.0**doublings, settings.backoff_max_s)
    return wait_s * (1.0 + JITTER * _spread_fraction(instance_id, lane.tries))


def _spread_fraction(instance_id: InstanceId, tries: int) -> float:
    """A number in [0, 1) that spreads targets and is the same at every replay."""
    return (
        zlib.crc32(f"{instance_id.target}/{instance_id.number}/{tries}".encode())
        / 2**32
    )
