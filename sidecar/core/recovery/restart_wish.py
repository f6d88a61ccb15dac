"""Planned restarts that a probe asks for, as with ``on_match: planned_restart``."""

from sidecar.core.model.instance import Instance, RestartWish
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.update import replace_instances
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.planned_restart import mark_due

WISH_AGAIN_S = 3600.0
"""A restart that was skipped is asked for again after this time."""


def note_restart_wish(
    state: State, instance: Instance, outcome: ProbeResult, at: Moment
) -> State:
    """Make a planned restart due if the probe asks for one.

    Once in a run, and again only after WISH_AGAIN_S: each skipped restart is reported.
    """
    if not outcome.asks_restart:
        return state
    why = Reason.of(R.PLAN_ASKED, reason=outcome.reason)
    return ask_for_restart(state, instance.id, why, at)


def ask_for_restart(
    state: State, instance_id: InstanceId, why: Reason, at: Moment
) -> State:
    """Make a planned restart of the instance's target due, as above."""
    instance = state.instances[instance_id]
    container = instance.container
    if container is None or instance.remedy is not None or _is_asked(instance, at):
        return state
    wish = RestartWish(container.run, at.mono)
    noted = replace_instances(state, replace(instance, wish=wish))
    return mark_due(noted, instance_id.target, why, at)


def _is_asked(instance: Instance, at: Moment) -> bool:
    wish, container = instance.wish, instance.container
    if wish is None or container is None or wish.run != container.run:
        return False
    return at.mono - wish.at_mono < WISH_AGAIN_S
