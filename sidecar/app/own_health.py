"""The health of Sidecar itself: its loop, and each of its components."""

from typing import NamedTuple

from sidecar.app.cluster import ClusterService
from sidecar.app.loop_access import STALLED_S
from sidecar.app.notifications import NotificationService
from sidecar.app.target_source import TargetSource
from sidecar.balancer.agent_server import AgentServer
from sidecar.core.model.target import Mode
from sidecar.core.ports.loop import Clock, Component
from sidecar.engine.watcher import EngineWatcher
from sidecar.probes.scheduler import IntervalProbeScheduler
from sidecar.schedule.planner import Planner
from sidecar.storage.store import SqliteStore
from sidecar.watchdog import Watchdog

OVERSLEPT_S = 60.0
"""Seconds without a check of the schedule (every 30 s) that are too long."""


class Parts(NamedTuple):
    """The parts of the application that can fail."""

    clock: Clock
    watchdog: Watchdog
    engine: EngineWatcher
    probes: IntervalProbeScheduler
    planner: Planner
    store: SqliteStore
    targets: TargetSource
    cluster: ClusterService | None


class OwnHealth:
    """Reports the health of every part."""

    def __init__(
        self, parts: Parts, notifications: NotificationService, agent: AgentServer
    ) -> None:
        self._parts = parts
        self._notifications = notifications
        self._agent = agent

    def liveness(self) -> Component:
        """Does the loop make steps?"""
        now = self._parts.clock.now()
        late_s = now.mono - self._parts.watchdog.last_step_mono
        reason = f"no turn for {late_s:.0f} s" if late_s > STALLED_S else ""
        return Component("loop", not reason, reason, now.wall - late_s)

    def components(self) -> tuple[Component, ...]:
        """The health of every part."""
        return (
            *self._parts.engine.components(),
            self.liveness(),
            self._scheduler_component(),
            self._parts.store.component(),
            *self._notifications.components(),
            *self._agent.components(),
            self._probes_component(),
            self._labels_component(),
            self._settings_component(),
            self._acting_component(),
            *self._lease_components(),
        )

    def problems(self) -> str:
        """Problems for the heartbeat: a dead loop or an unreachable engine."""
        parts = (self.liveness(), *self._parts.engine.components())
        return "; ".join(f"{part.name}: {part.reason}" for part in parts if not part.ok)

    def _scheduler_component(self) -> Component:
        now = self._parts.clock.now()
        asleep_s = now.mono - self._parts.planner.checked_mono
        late = f"not looked at for {asleep_s:.0f} s" if asleep_s > OVERSLEPT_S else ""
        return Component("scheduler", not late, late, now.wall - asleep_s)

    def _probes_component(self) -> Component:
        """Late probes: degraded while all intervals are longer than asked."""
        now = self._parts.clock.now()
        overdue = self._parts.probes.overdue(now.mono)
        stretch = self._parts.probes.overload.stretch
        reasons = (
            f"{overdue} probes are overdue" if overdue else "",
            stretch.sentence if stretch is not None else "",
        )
        reason = "; ".join(filter(None, reasons))
        return Component("probes", not overdue, reason, now.wall)

    def _labels_component(self) -> Component:
        """Problems of labels; those of undeclared containers do not count as ours."""
        targets, now = self._parts.targets, self._parts.clock.now()
        is_ok = not targets.in_force.are_ours
        return Component("labels", is_ok, targets.describe_problems(), now.wall)

    def _settings_component(self) -> Component:
        status = self._parts.watchdog.state.settings
        is_ok = not status.faults
        return Component("settings", is_ok, status.faults, status.since.wall)

    def _lease_components(self) -> tuple[Component, ...]:
        cluster = self._parts.cluster
        return (cluster.component(),) if cluster is not None else ()

    def _acting_component(self) -> Component:
        """Can Sidecar act on this engine, where the mode asks for it?"""
        state = self._parts.watchdog.state
        other, since_wall = state.engine.other, state.engine.since.wall
        is_ok = not other or state.mode is Mode.OBSERVE
        if is_ok:
            return Component("acting", is_ok, "", since_wall)
        why = "no supported engine: only observed; set the mode to observe"
        return Component("acting", is_ok, f"{other} is {why}", since_wall)
