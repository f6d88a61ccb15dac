"""Types of the engine's JSON, as far as we read it. Null means the default."""

from typing import Annotated

import msgspec

ContainerId = Annotated[str, msgspec.Meta(min_length=1)]
Number = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**32)]
"""No count, code or process id of an engine is larger."""
Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Pascal(msgspec.Struct, rename="pascal", frozen=True):
    """A struct whose JSON keys are written LikeThis."""


class HealthCheck(Pascal, frozen=True):
    """One run of the image's HEALTHCHECK."""

    start: str = msgspec.field(name="Start", default="")
    output: str | None = msgspec.field(name="Output", default=None)


class Health(Pascal, frozen=True):
    """The state of the HEALTHCHECK, oldest run first."""

    status: str = "none"
    log: list[HealthCheck] | None = None


class State(Pascal, frozen=True):
    """The container's state."""

    status: str
    started_at: str
    finished_at: str
    exit_code: Number
    pid: Number
    oom_killed: bool = msgspec.field(name="OOMKilled", default=False)
    error: str | None = None
    health: Health | None = None
    stop_report: str = ""
    """Our own field, of engines whose answers are translated."""


class HealthSettings(Pascal, frozen=True):
    """Settings of the HEALTHCHECK."""

    start_period: Nanoseconds = 0


class Config(Pascal, frozen=True):
    """Settings that the container was created with."""

    labels: dict[str, str] | None = None
    tty: bool = False
    stop_signal: str | None = None
    stop_timeout: Number | None = None
    healthcheck: HealthSettings | None = None


class RestartPolicy(Pascal, frozen=True):
    """The engine's own restarts; an empty name means no."""

    name: str = ""
    maximum_retry_count: Number = 0


class HostConfig(Pascal, frozen=True):
    """The engine's settings for running it."""

    restart_policy: RestartPolicy = RestartPolicy()
    network_mode: str | None = None
    memory: Number = 0


class Endpoint(Pascal, frozen=True):
    """The container on one network; an engine before 25 has no ``DNSNames``."""

    gateway: str | None = None
    ipv4: str | None = msgspec.field(name="IPAddress", default=None)
    ipv6: str | None = msgspec.field(name="GlobalIPv6Address", default=None)
    aliases: list[str] | None = None
    dns_names: list[str] | None = msgspec.field(name="DNSNames", default=None)


class NetworkSettings(Pascal, frozen=True):
    """The networks by name."""

    networks: dict[str, Endpoint | None] | None = None


class Inspected(Pascal, frozen=True):
    """The answer to an inspect."""

    id: ContainerId
    name: str
    state: State
    config: Config
    image: str = ""
    restart_count: Number = 0
    host_config: HostConfig = HostConfig()
    network_settings: NetworkSettings = NetworkSettings()


class InspectedImage(Pascal, frozen=True):
    """The answer to an inspect of an image."""

    config: Config | None = None
    created: str = ""


class Listed(Pascal, frozen=True):
    """One entry of the list of containers."""

    id: ContainerId
    names: list[str] | None = None
    image_id: str = msgspec.field(name="ImageID", default="")
    labels: dict[str, str] | None = None


class ListedState(Pascal, frozen=True, gc=False):
    """The parts of an entry in the list of containers that show a change."""

    id: ContainerId
    names: msgspec.Raw = msgspec.Raw()
    status: str = ""
    """For people, such as "Up 2 hours (healthy)"."""
    network_settings: msgspec.Raw = msgspec.Raw()


class Top(Pascal, frozen=True):
    """The output of ps, in columns."""

    titles: list[str]
    processes: list[list[str]] | None = None


class ExecCreated(Pascal, frozen=True):
    """A created command."""

    id: str


class ExecInspected(Pascal, frozen=True):
    """A command's status."""

    running: bool
    exit_code: int | None = None


class Actor(msgspec.Struct, frozen=True):
    """The subject of an event: a container."""

    id: ContainerId = msgspec.field(name="ID")
    attributes: dict[str, str] = msgspec.field(name="Attributes", default_factory=dict)


class Event(msgspec.Struct, frozen=True):
    """One event of the stream."""

    action: str = msgspec.field(name="Action")
    actor: Actor = msgspec.field(name="Actor")
    time_nano: int = msgspec.field(name="timeNano")
    health: str = msgspec.field(name="HealthStatus", default="")
    """Podman's own field of an event about health."""


class MemoryStats(msgspec.Struct, frozen=True):
    """Bytes; None where the container is not running."""

    usage: int | None = None
    limit: int | None = None
    stats: dict[str, int] | None = None


class PidsStats(msgspec.Struct, frozen=True):
    """Number of processes and threads."""

    current: int | None = None


class CpuUsage(msgspec.Struct, frozen=True):
    """Nanoseconds since the start."""

    total_usage: int = 0


class CpuStats(msgspec.Struct, frozen=True):
    """The processor time spent."""

    cpu_usage: CpuUsage = CpuUsage()


class Stats(msgspec.Struct, frozen=True):
    """One reading of the container's resources."""

    memory_stats: MemoryStats = MemoryStats()
    pids_stats: PidsStats = PidsStats()
    cpu_stats: CpuStats = CpuStats()
