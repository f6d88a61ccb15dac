"""The health of Sidecar itself: is the loop alive, and what does not work."""

from typing import NamedTuple

from sidecar.app.target_source import TargetSource
from sidecar.core.model.target import Mode
from sidecar.core.ports.loop import Clock, Component
from sidecar.engine.watcher import EngineWatcher
from sidecar.notify.dispatcher import Dispatcher
from sidecar.probes.scheduler import IntervalProbeScheduler
from sidecar.schedule.planner import Planner
from sidecar.storage.store import SqliteStore
from sidecar.watchdog import Watchdog

STALLED_S = 10.0
"""A loop that made no step for that long is not alive."""

OVERSLEPT_S = 60.0
"""The schedule is looked at every 30 s."""


class Parts(NamedTuple):
    """The parts of the application that can be out of order."""

    clock: Clock
    watchdog: Watchdog
    engine: EngineWatcher
    probes: IntervalProbeScheduler
    planner: Planner
    store: SqliteStore
    targets: TargetSource


class OwnHealth:
    """Answers about every part; ``dispatcher`` may be another after a reload."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher) -> None:
        self._parts = parts
        self.dispatcher = dispatcher

    def liveness(self) -> Component:
        """Does the loop make steps?"""
        now = self._parts.clock.now()
        late_s = now.mono - self._parts.watchdog.turned_mono
        reason = f"no turn for {late_s:.0f} s" if late_s > STALLED_S else ""
        return Component("loop", not reason, reason, now.wall - late_s)

    def components(self) -> tuple[Component, ...]:
        """The health of every part."""
        return (
            *self._parts.engine.components(),
            self.liveness(),
            self._scheduler(),
            self._parts.store.component(),
            *self.dispatcher.components(),
            self._probes(),
            self._labels(),
            self._settings(),
            self._acting(),
        )

    def problems(self) -> str:
        """The problems that the heartbeat reports: a loop or an engine that is lost."""
        parts = (self.liveness(), *self._parts.engine.components())
        return "; ".join(f"{part.name}: {part.reason}" for part in parts if not part.ok)

    def _scheduler(self) -> Component:
        now = self._parts.clock.now()
        asleep_s = now.mono - self._parts.planner.turned_mono
        late = f"not looked at for {asleep_s:.0f} s" if asleep_s > OVERSLEPT_S else ""
        return Component("scheduler", not late, late, now.wall - asleep_s)

    def _probes(self) -> Component:
        now = self._parts.clock.now()
        overdue = self._parts.probes.overdue(now.mono)
        reason = f"{overdue} probes are overdue" if overdue else ""
        return Component("probes", not overdue, reason, now.wall)

    def _labels(self) -> Component:
        """A fault in a stranger's image is shown here, and is no fault of ours."""
        targets, now = self._parts.targets, self._parts.clock.now()
        is_ok = not targets.in_force.are_ours
        return Component("labels", is_ok, targets.describe_problems(), now.wall)

    def _settings(self) -> Component:
        status = self._parts.watchdog.state.settings
        is_ok = not status.faults
        return Component("settings", is_ok, status.faults, status.since.wall)

    def _acting(self) -> Component:
        """May we act where the settings want it?"""
        state = self._parts.watchdog.state
        other, since_wall = state.engine.other, state.engine.since.wall
        is_ok = not other or state.mode is Mode.OBSERVE
        if is_ok:
            return Component("acting", is_ok, "", since_wall)
        why = "no supported engine: only observed; set the mode to observe"
        return Component("acting", is_ok, f"{other} is {why}", since_wall)
