"""Takeover of a world by a successor process."""

from dataclasses import replace

from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import EngineReachabilityChanged
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.recovery.takeover import restore_state
from sidecar.storage.codec import decode, encode
from tests.support.rule_world import RuleWorld

REBOOT_S = 5000.0


def start_successor(world: RuleWorld, away_s: float = 5.0) -> RuleWorld:
    """Start another process after a reboot of the host: its monotonic clock differs."""
    saved_at = world.now
    successor = RuleWorld(world.targets, lists=False, now_s=world.now_s)
    successor.containers = dict(world.containers)
    now = Moment(saved_at.mono + away_s - REBOOT_S, saved_at.wall + away_s)
    successor.state = replace(restore_state(store_and_load(world.state), saved_at, now))
    successor.now_s = now.mono
    successor.wall_ahead_s = REBOOT_S
    successor.decisions.clear()
    successor.transitions.clear()
    successor.send(EngineReachabilityChanged(successor.now, reachable=True))
    successor.relist()
    successor.lists = True
    return successor


def repeat_exits(world: RuleWorld, name: str, *walls: float) -> None:
    """The engine repeats the exits of earlier runs, as to a Sidecar that starts."""
    for wall in walls:
        world.notice(name, EngineEventKind.DIE, engine_time=wall)


def store_and_load(state: State) -> State:
    """Encode and decode the state as the store does."""
    instances = {
        instance_id: decode(encode(instance), type(instance))
        for instance_id, instance in state.instances.items()
    }
    return replace(state, instances=build_table(instances))
