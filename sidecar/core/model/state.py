"""State of the watchdog at one instant. Frozen: each step makes a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.busy_wait import BusyWait
from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.decision import Trigger
from sidecar.core.model.dependency_graph import DependencyGraph
from sidecar.core.model.drill import Drill
from sidecar.core.model.host_status import DiskFault, HostStatus
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import InstanceTable, build_table
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.maintenance_task import Task, TaskProgress, TaskRun
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.target import InstanceId, Mode, Target
from sidecar.core.model.task_event import WaitingTask
from sidecar.core.reason.reason import Reason


class DueRestart(NamedTuple):
    """A planned restart that waits to begin, until ``until_mono`` at most."""

    until_mono: float
    why: Reason


class PlannedRestart(NamedTuple):
    """A current planned restart: the root, then its dependents, one by one.

    The next instance of ``remaining_ids`` must begin before ``deadline_mono``.
    ``trigger`` OPERATOR: the rolling restart of a target's replicas, which an operator
    requested. ``forced``: with ``--now``.
    """

    target: str
    remaining_ids: tuple[InstanceId, ...]
    deadline_mono: float
    trigger: Trigger = Trigger.PLANNED
    forced: bool = False
    current_id: InstanceId | None = None
    """The last instance that was begun."""
    failed_name: str = ""
    """The replica that did not work again: the rest is given up."""

    @property
    def is_requested(self) -> bool:
        """Did an operator request it, and was nothing begun yet?"""
        return self.trigger is Trigger.OPERATOR and self.current_id is None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Connection to the engine, and the age of our knowledge."""

    reachable: bool = False
    reason: str = "not asked yet"
    since: Moment = Moment(0.0, 0.0)
    listed_mono: float | None = None
    is_reported: bool = False
    """Was its loss reported to people?"""
    deaf: str = ""
    """Why its events are not received; empty: they are."""
    lost_at: Moment | None = None
    """Begin of the last loss; None: not known."""
    other: str = ""
    """The name of an unsupported engine: it is only observed."""


@dataclass(frozen=True, slots=True)
class SettingsStatus:
    """Are the settings in force those of the file?

    ``faults`` of the file, a line each, while older settings are in force;
    ``reported_faults`` are those that were reported to people. ``faulty_since``: after
    the faults are corrected, when the file was first found faulty; None: not known.
    """

    faults: str = ""
    since: Moment = Moment(0.0, 0.0)
    reported_faults: str = ""
    faulty_since: Moment | None = None


@dataclass(frozen=True, slots=True)
class OwnNetworkStatus:
    """Is our own network lost, according to the probes? ``since`` None: it is not.

    ``is_reported``: the loss was reported to people. ``reported_mono``: the last time;
    None: not by this process.
    """

    since: Moment | None = None
    is_reported: bool = False
    reported_mono: float | None = None


class LastTurn(NamedTuple):
    """The last instance and incident that had their turn, where ticks take turns."""

    instance: InstanceId | None = None
    incident: str = ""


class EfficacyKey(NamedTuple):
    """Key of the efficacy ledger."""

    target: str
    cause: Cause
    remedy: RemedyKind


@dataclass(frozen=True, slots=True)
class State:
    """The state. ``paused`` maps a target to its resume time (wall; inf: never)."""

    started: Moment
    mode: Mode = Mode.ACT
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    instances: InstanceTable = field(default_factory=lambda: build_table({}))
    restored_instances: Mapping[InstanceId, Instance] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Instances as stored by the dead predecessor, until the first listing."""
    engine: EngineStatus = EngineStatus()
    paused: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    restarts: tuple[float, ...] = ()
    """Times (mono) of automatic restarts within the last hour."""
    due: Mapping[str, DueRestart] = field(default_factory=lambda: MappingProxyType({}))
    """Planned restarts that wait to begin, by target."""
    plan: PlannedRestart | None = None
    drill: Drill | None = None
    """The current drill; there is one at a time."""
    busy_waits: Mapping[InstanceId, BusyWait] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The instances that are asked whether they are busy, as a restart waits."""
    disk_faults: Mapping[InstanceId, DiskFault] = field(
        default_factory=lambda: MappingProxyType({})
    )
    host: HostStatus = HostStatus()
    incidents: Mapping[str, Incident] = field(
        default_factory=lambda: MappingProxyType({})
    )
    ledger: Mapping[EfficacyKey, RemedyStats] = field(
        default_factory=lambda: MappingProxyType({})
    )

    windows: tuple[WindowPeriod, ...] = ()
    """Periods of the maintenance windows in force that last or come next."""
    tasks: Mapping[str, Task] = field(default_factory=lambda: MappingProxyType({}))
    """Maintenance tasks in force, by name."""
    task_progress: Mapping[str, TaskProgress] = field(
        default_factory=lambda: MappingProxyType({})
    )
    waiting_tasks: Mapping[str, WaitingTask] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Due tasks of which it is not known which watchdog runs them. Not stored."""
    interrupted_runs: tuple[TaskRun, ...] = ()
    """Runs of tasks that were under way when the dead predecessor ended."""

    doubt: str = ""
    """Why earlier remedies are not, or not all, known since this start."""
    doubt_told: bool = False

    notify: NotifySettings = NotifySettings()
    settings: SettingsStatus = SettingsStatus()
    own_network: OwnNetworkStatus = OwnNetworkStatus()
    lease: LeaseStatus | None = None
    """The lease of several watchdogs; None: this one is alone. It is not stored."""
    topology: DependencyGraph = DependencyGraph()
    last_turn: LastTurn = LastTurn()
    """It is not stored."""
    numbers: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The replica numbers of each target."""

    @property
    def mode_in_force(self) -> Mode:
        """The mode of the settings; ``observe`` on an unsupported engine."""
        return Mode.OBSERVE if self.engine.other else self.mode

    def replicas(self, target: str) -> Iterator[Instance]:
        """The instances of one target."""
        numbers = self.numbers.get(target, ())
        return (self.instances[InstanceId(target, number)] for number in numbers)

    def dependents(self, target: str) -> Iterator[Instance]:
        """The instances of all dependents of one target."""
        names = self.topology.dependents.get(target, ())
        return (instance for name in names for instance in self.replicas(name))

    def target_of(self, instance: Instance) -> Target:
        """The settings in force for an instance."""
        return self.targets[instance.id.target]
