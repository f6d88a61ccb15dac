"""What the engine says about a container, in our own words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class RunId(NamedTuple):
    """Identity of a running thing: a restart keeps the id but not ``started_at``."""

    container_id: str
    started_at: float
    """Seconds since the epoch on the engine's clock."""


class Status(StrEnum):
    """The engine's own words for what a container is doing.

    UNKNOWN is ours: the engine's answer about it could not be used.
    """

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"


class NativeHealth(StrEnum):
    """Docker's HEALTHCHECK result; NONE where the image has none."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Endpoint(NamedTuple):
    """A container on one network.

    ``names`` are those by which others there find it, in lower case. ``gateway`` is
    the engine's host as it is seen from there.
    """

    network: str
    addresses: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One container at one instant, translated at the border of the engine.

    Times are seconds since the epoch on the engine's clock; 0.0: never.
    ``pid`` is the main process on the engine's host; 0 when not running.
    ``restart_policy`` is the engine's name for it: no, always, unless-stopped
    or on-failure; ``restart_limit`` is on-failure's maximum, 0: none.
    ``fault`` says why the engine's answer about it could not be used; empty: it
    could. Its status is UNKNOWN then, and what is not in the list is not known.
    ``error`` is why the engine could not start it when that was last tried.
    ``network_mode``: host, none, container:ID, or the name of a network.
    ``stop_signal`` and ``stop_timeout_s``: how the engine stops it.
    ``check_start_s``: how long failures of its HEALTHCHECK do not count for the engine.
    """

    id: str
    name: str
    stack: str
    service: str
    number: int
    status: Status
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    health: NativeHealth = NativeHealth.NONE
    health_log: str = ""
    pid: int = 0
    restart_policy: str = "no"
    restart_limit: int = 0
    restart_count: int = 0
    networks: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    error: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    network_mode: str = ""
    stop_signal: int = 15
    stop_timeout_s: float = 10.0
    check_start_s: float = 0.0

    @property
    def run(self) -> RunId:
        """Which run of the container this is."""
        return RunId(self.id, self.started_at)

    @property
    def could_not_start(self) -> bool:
        """Was it made, and did its first start fail?"""
        failed = bool(self.error) or self.exit_code != 0
        return self.status is Status.CREATED and failed

    @property
    def engine_restarts_it(self) -> bool:
        """Will the engine's own policy start it again after this exit?

        Its policy is for what ran: what it could not start is not tried again.
        """
        if self.error or self.status is Status.CREATED:
            return False
        if self.restart_policy in {"always", "unless-stopped"}:
            return True
        if self.restart_policy != "on-failure" or self.exit_code == 0:
            return False
        return self.restart_limit == 0 or self.restart_count < self.restart_limit


class Process(NamedTuple):
    """One process of a container, as the engine's host sees it."""

    pid: int
    ppid: int
    stat: str
    command: str
