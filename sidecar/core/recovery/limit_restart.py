"""Planned restarts before memory reaches its limit (``preventive.before_limit``).

The planned times are quiet times. A restart is carried out at the last of them before
the limit: earlier ones would be needless, later ones too late.
"""

import math

from sidecar.core.model.instance import Instance
from sidecar.core.model.memory import LimitForecast
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.restart_wish import ask_for_restart

MARGIN_S = 600.0
"""A restart begins this long before the limit, so that it ends before the limit."""


def find_last_quiet_time(
    state: State, target: str, next_wall: float | None, at: Moment
) -> Reason | None:
    """Why the restart must happen now; None: a later planned time is early enough.

    ``next_wall``: the planned time after this one; None: there is none. A forecast that
    is too uncertain to be told is good enough to choose a planned time by.
    """
    forecasts = (i.memory.forecast for i in state.replicas(target) if i.memory)
    soonest = min((_earliest_wall(f, at) for f in forecasts if f), default=math.inf)
    if math.isinf(soonest):
        return None
    if next_wall is not None and soonest >= next_wall + MARGIN_S:
        return None
    return Reason.of(R.PLAN_LAST_QUIET_TIME, earliest_wall=soonest)


def note_near_limit(
    state: State, instance: Instance, target: Target, at: Moment
) -> State:
    """Ask for a planned restart if the limit comes before the next planned time."""
    preventive, memory = target.preventive, instance.memory
    if preventive is None or not preventive.before_limit or memory is None:
        return state
    forecast = memory.forecast
    if forecast is None or forecast.silence is not None:
        return state
    earliest_wall = _earliest_wall(forecast, at)
    if earliest_wall > at.wall + MARGIN_S:
        return state
    why = Reason.of(R.PLAN_LIMIT_IS_NEAR, earliest_wall=earliest_wall)
    return ask_for_restart(state, instance.id, why, at)


def _earliest_wall(forecast: LimitForecast, at: Moment) -> float:
    if forecast.earliest_mono is None:
        return math.inf
    return at.wall + forecast.earliest_mono - at.mono
