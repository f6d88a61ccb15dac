"""Facts of a stack's services, from the engine or from a compose file.

None means everywhere that the fact is not known. No value of a secret is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

MAX_PORT = 65535


def is_port(number: int) -> bool:
    """Is it the number of a port?"""
    return 0 < number <= MAX_PORT


class Variable(NamedTuple):
    """An environment variable; the value of a secret is left out.

    ``is_secret``: it has a value, which is or contains a secret.
    """

    name: str
    value: str
    is_secret: bool = False


class PublishedPort(NamedTuple):
    """A port that is published on the host; ``host_address`` "" is all addresses."""

    port: int
    host_address: str
    host_port: int

    @property
    def is_public(self) -> bool:
        """Is it published on all addresses of the host?"""
        return self.host_address in {"", "0.0.0.0", "::"}  # noqa: S104


class MountKind(StrEnum):
    """Kind of a mount, with the engine's names."""

    VOLUME = "volume"
    BIND = "bind"
    TMPFS = "tmpfs"
    OTHER = "other"


class Mount(NamedTuple):
    """A mount; ``source`` is its path on the engine's host."""

    kind: MountKind
    destination: str
    source: str = ""
    is_anonymous: bool = False


class HealthCheckFacts(NamedTuple):
    """A HEALTHCHECK; ``command`` may contain secrets: it is searched, never shown."""

    command: str


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service, as its container or the compose file describes it.

    ``command`` and ``processes`` are command lines and may contain secrets: they are
    compared, and never shown. The first process is PID 1. ``names``: what other
    services can call it. ``depends_on``: services that compose starts before it.
    ``run_s``: length of its current run. ``catches_sigterm``: whether PID 1 handles
    SIGTERM. ``is_known_zone``: whether the system knows its time zone.
    ``memory_limit_bytes`` 0: no limit. ``group_ids``: its additional groups.
    """

    name: str
    container: str = ""
    image: str = ""
    command: tuple[str, ...] = field(default=(), repr=False)
    processes: tuple[str, ...] | None = field(default=None, repr=False)
    variables: tuple[Variable, ...] = ()
    exposed_ports: tuple[int, ...] = ()
    published_ports: tuple[PublishedPort, ...] = ()
    proxied_port: int | None = None
    """The port that a label names for a reverse proxy."""
    health_check: HealthCheckFacts | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()
    depends_on: tuple[str, ...] = ()
    networks: frozenset[str] | None = None
    network_mode: str = ""
    mounts: tuple[Mount, ...] | None = None
    has_init: bool | None = None
    restart_policy: str = "no"
    restart_count: int = 0
    status: str = ""
    run_s: float | None = None
    memory_limit_bytes: int | None = None
    stop_signal: str = ""
    catches_sigterm: bool | None = None
    time_zone: str | None = None
    is_known_zone: bool | None = None
    user: str = ""
    group_ids: tuple[str, ...] = ()
    is_sidecar: bool = False

    @property
    def is_running(self) -> bool:
        """Does its container run?"""
        return self.status == "running"

    def variable(self, name: str) -> str:
        """The value of a variable; "" if it is not set or secret."""
        return next((v.value for v in self.variables if v.name == name), "")

    def command_lines(self) -> tuple[str, ...]:
        """The command lines of its processes and of its own command."""
        return (*(self.processes or ()), " ".join(self.command))


class SocketFacts(NamedTuple):
    """The engine's socket: its path and group, and whether this process may use it."""

    path: str
    group_id: int
    may_use: bool


class DiskFacts(NamedTuple):
    """A file system: what is stored there, and its free and whole size."""

    holds: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class StackFacts:
    """A stack: its services, and the host around it.

    ``clock_ahead_s``: the engine's clock minus this process's clock.
    ``declared_wallets``: services that Sidecar's settings call wallet daemons, each
    with its RPC port.
    """

    name: str
    services: tuple[ServiceFacts, ...]
    socket: SocketFacts | None = None
    disks: tuple[DiskFacts, ...] = ()
    clock_ahead_s: float | None = None
    declared_wallets: tuple[tuple[str, int], ...] = ()

    @property
    def sidecar(self) -> ServiceFacts | None:
        """Sidecar's own service; None: it is not in this stack."""
        return next((s for s in self.services if s.is_sidecar), None)

    def others(self) -> Iterator[ServiceFacts]:
        """The services without Sidecar."""
        return (s for s in self.services if not s.is_sidecar)

    def find(self, name: str) -> ServiceFacts | None:
        """The service that others reach by this name; None: there is none."""
        lower = name.casefold()
        return next(
            (s for s in self.services if lower in {s.name.casefold(), *s.names}), None
        )
