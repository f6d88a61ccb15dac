"""Monitored targets with their settings in force. Durations are seconds."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.cause import Severity
from sidecar.core.model.drill_settings import DrillObjective, DrillPlan
from sidecar.core.model.probe_settings import (
    DockerProbe,
    ElectronCashProbe,
    MemoryProbe,
    ProbeSettings,
    ProbeWay,
)


class AfterDependency(StrEnum):
    """Restart of a dependent once its root works again."""

    IF_FAILING = "if_failing"
    ALWAYS = "always"
    NEVER = "never"


class Mode(StrEnum):
    """Mode of operation; ``observe`` carries out no remedy."""

    ACT = "act"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class ProbeSchedule:
    """Probe intervals and thresholds of a target."""

    interval_s: float = 5.0
    fast_interval_s: float = 2.0
    start_period_s: float = 60.0
    failure_threshold: int = 3
    success_threshold: int = 2


@dataclass(frozen=True, slots=True)
class RestartSettings:
    """Settings of restarts; docs/behaviour.md describes their effect."""

    enabled: bool = True
    budget: int = 3
    window_s: float = 900.0
    backoff_s: float = 10.0
    backoff_max_s: float = 300.0
    stop_timeout_s: float = 30.0
    dead_stop_timeout_s: float = 5.0
    recovery_timeout_s: float = 120.0
    slow_lane_s: tuple[float, ...] = (600.0, 1200.0, 2400.0, 4800.0, 9600.0)
    graceful_rpc_stop: bool = True
    polite_stop_s: float = 90.0
    self_restart_grace_s: float = 10.0


@dataclass(frozen=True, slots=True)
class PlannedRestartSettings:
    """Planned restarts: a cron line in a time zone.

    Without ``cron`` there are only those that a probe or a forecast asks for.
    ``before_limit``: those of the cron line happen only as the last before memory
    reaches its limit; if there is none in time, one right before the limit.
    """

    cron: str | None = None
    timezone: str = "UTC"
    jitter_s: float = 0.0
    skip_if_restarted_within_s: float = 21600.0
    before_limit: bool = False


@dataclass(frozen=True, slots=True)
class BusySettings:
    """Address or command by which a target is asked whether it is busy; never both.

    A restart waits for a busy target for at most ``max_wait_s``.
    """

    url: str | None = None
    command: tuple[str, ...] = ()
    max_wait_s: float = 600.0


@dataclass(frozen=True, slots=True)
class RollingSettings:
    """Restarts of several replicas of a target, one after the other.

    ``drain_s``: longest time without new requests before the restart of a replica that
    works; 0: it is not drained. ``pause_s``: time from the recovery of a replica to
    the restart of the next.
    """

    drain_s: float = 0.0
    pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """One monitored service (or named container) and all its settings.

    ``service`` names a compose service of the stack; ``container`` names a container
    and takes precedence. ``probes`` must all succeed.
    """

    name: str
    service: str | None = None
    container: str | None = None
    probes: tuple[ProbeSettings, ...] = ()
    depends_on: tuple[str, ...] = ()
    after_dependency: AfterDependency = AfterDependency.IF_FAILING
    settle_s: float = 30.0
    cadence: ProbeSchedule = ProbeSchedule()
    restart: RestartSettings = RestartSettings()
    rolling: RollingSettings = RollingSettings()
    preventive: PlannedRestartSettings | None = None
    busy: BusySettings | None = None
    backup: BackupSettings | None = None
    objective: DrillObjective = DrillObjective()
    drill: DrillPlan | None = None
    severity: Severity | None = None
    recreate: bool = False
    """May its container be replaced by an equal one, if restarts do not help?"""
    may_finish: bool = False
    """It comes from a watch label alone: it may be a job, which may end."""
    declared: bool = field(default=True, compare=False)
    """It is in the operator's settings; False: it comes from labels alone."""

    @property
    def wallet(self) -> ElectronCashProbe | None:
        """The wallet daemon's probe settings; None: it is no wallet daemon."""
        return next((p for p in self.probes if isinstance(p, ElectronCashProbe)), None)

    @property
    def is_asked_over_network(self) -> bool:
        """Does any of its probes connect to the target, not only to the engine?"""
        return any(probe.WAY is not ProbeWay.ENGINE for probe in self.probes)

    @property
    def is_checked_natively(self) -> bool:
        """Is the container's own HEALTHCHECK one of its probes?"""
        return any(isinstance(probe, DockerProbe) for probe in self.probes)

    @property
    def memory(self) -> MemoryProbe | None:
        """Its memory probe; None: its memory is not measured."""
        return next((p for p in self.probes if isinstance(p, MemoryProbe)), None)

    @property
    def hang_after_s(self) -> float:
        """Minimum silence that is called a hang."""
        return max((p.hang_after_s for p in self.probes), default=0.0)


class InstanceId(NamedTuple):
    """One replica of a target; ``number`` is compose's container number, from 1."""

    target: str
    number: int
