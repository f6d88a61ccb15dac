"""Everything the watchdog knows at one instant. Frozen: each step makes a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.dependency_graph import DependencyGraph
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import (
    Instance,
)
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.target import InstanceId, Mode, Target


class PlannedRestart(NamedTuple):
    """A planned restart under way: the root, then its dependents, one by one.

    The next one of ``left`` must have begun before ``deadline_mono``.
    """

    target: str
    left: tuple[InstanceId, ...]
    deadline_mono: float


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How fresh our knowledge of the engine is."""

    reachable: bool = False
    reason: str = "not asked yet"
    since: Moment = Moment(0.0, 0.0)
    listed_mono: float | None = None
    told: bool = False
    """Have people heard that it is lost?"""
    deaf: str = ""
    """Why its events are not heard; empty: they are."""
    lost_at: Moment | None = None
    """Since when it could not be reached before; None: that is not known."""
    other: str = ""
    """The name of an engine that is not Docker's: it is watched and not acted on."""


@dataclass(frozen=True, slots=True)
class SettingsStatus:
    """Are the settings in force those of the file?

    ``faults`` of the file, a line each, while older settings are in force; ``told``
    are those that people have heard of. ``faulty_since``: once they are mended, when
    the file was first found faulty; None: that is not known.
    """

    faults: str = ""
    since: Moment = Moment(0.0, 0.0)
    told: str = ""
    faulty_since: Moment | None = None


@dataclass(frozen=True, slots=True)
class OwnNetworkStatus:
    """Is our own network lost, as the probes show? ``since`` None: it is not.

    ``told``: have people heard of it? ``told_mono``: when last; None: not by this run.
    """

    since: Moment | None = None
    told: bool = False
    told_mono: float | None = None


class EfficacyKey(NamedTuple):
    """A line of the efficacy ledger."""

    target: str
    cause: Cause
    remedy: RemedyKind


@dataclass(frozen=True, slots=True)
class State:
    """All of it. ``paused`` maps a target to when it resumes (wall; inf: never)."""

    started: Moment
    mode: Mode = Mode.ACT
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    instances: Mapping[InstanceId, Instance] = field(
        default_factory=lambda: MappingProxyType({})
    )
    left: Mapping[InstanceId, Instance] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Instances as a dead process left them, until the first listing shows them."""
    engine: EngineStatus = EngineStatus()
    paused: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    restarts: tuple[float, ...] = ()
    """Moments (mono) within the last hour of restarts that nobody asked for."""
    due: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Planned restarts that wait to begin, and until when (mono) they may."""
    plan: PlannedRestart | None = None
    incidents: Mapping[str, Incident] = field(
        default_factory=lambda: MappingProxyType({})
    )
    ledger: Mapping[EfficacyKey, RemedyStats] = field(
        default_factory=lambda: MappingProxyType({})
    )

    doubt: str = ""
    """Why what was done before this start is not known, or not all of it."""
    doubt_told: bool = False

    notify: NotifySettings = NotifySettings()
    settings: SettingsStatus = SettingsStatus()
    own_network: OwnNetworkStatus = OwnNetworkStatus()
    topology: DependencyGraph = DependencyGraph()
    numbers: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The replica numbers of each target."""

    @property
    def mode_in_force(self) -> Mode:
        """That of the settings; on an engine that is not supported, ``observe``."""
        return Mode.OBSERVE if self.engine.other else self.mode

    def replicas(self, target: str) -> Iterator[Instance]:
        """The instances of one target."""
        numbers = self.numbers.get(target, ())
        return (self.instances[InstanceId(target, number)] for number in numbers)

    def target_of(self, instance: Instance) -> Target:
        """The settings in force for an instance."""
        return self.targets[instance.id.target]
