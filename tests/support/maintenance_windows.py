"""A maintenance window that begins now, in a world of the rules."""

from dataclasses import replace

from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.task_event import WindowsPlanned
from tests.support.rule_world import RuleWorld

HOUR_S = 3600.0


def begin_window(
    world: RuleWorld, *targets: str, lasts_s: float = HOUR_S, in_s: float = 0.0
) -> WindowPeriod:
    """Plan a window of these targets, of all where none is given."""
    begin_wall = world.now.wall + in_s
    period = WindowPeriod(begin_wall, begin_wall + lasts_s, targets)
    world.send(WindowsPlanned(world.now, (*world.state.windows, period)))
    return period


def end_windows(world: RuleWorld) -> None:
    """End all windows, as a reload without them does."""
    world.state = replace(world.state, windows=())
    world.send(WindowsPlanned(world.now, ()))
