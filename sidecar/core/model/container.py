"""Containers as the engine reports them, in types of our own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.service_hold import ServiceHold


class RunId(NamedTuple):
    """Identity of a run: a restart keeps the id but not ``started_at``."""

    container_id: str
    started_at: float
    """Seconds since the epoch on the engine's clock."""


class Status(StrEnum):
    """Container status, with the engine's values.

    UNKNOWN is our own value: the engine's answer could not be used.
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


class StopReport(StrEnum):
    """The engine's own word on whether somebody stopped or killed the run.

    EVENTS: nothing, but it reports each signal as an event (Docker). UNKNOWN: nothing,
    and its events do not show it either.
    """

    EVENTS = "events"
    REQUESTED = "requested"
    NOT_REQUESTED = "not requested"
    UNKNOWN = "unknown"


class Endpoint(NamedTuple):
    """A container on one network.

    ``names`` resolve to the container on that network, in lower case. ``gateway`` is
    the address of the engine's host on that network.
    """

    network: str
    addresses: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """Snapshot of a container, converted from the engine's answer.

    Times are seconds since the epoch on the engine's clock; 0.0: never.
    ``pid`` is the main process on the engine's host; 0 when not running.
    ``restart_policy`` is the engine's name for it: no, always, unless-stopped
    or on-failure; ``restart_limit`` is on-failure's maximum, 0: none.
    ``fault`` says why the engine's answer could not be used; empty: it could be
    used. With a fault, the status is UNKNOWN, and values not in the list are unknown.
    ``error`` says why the engine's last attempt to start the container failed.
    ``network_mode``: host, none, container:ID, or the name of a network.
    ``stop_signal`` and ``stop_timeout_s``: how the engine stops it.
    ``image_id``: identity of its image; empty: not known.
    ``check_start_s``: how long failures of its HEALTHCHECK do not count for the engine.
    ``memory_limit_bytes``: 0 if it has none.
    ``service_hold``: why its swarm service is left alone.
    ``stop_report``: of a run that is being stopped, or has ended.
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
    image_id: str = ""
    memory_limit_bytes: int = 0
    service_hold: ServiceHold = ServiceHold.NONE
    stop_report: StopReport = StopReport.EVENTS

    @property
    def run(self) -> RunId:
        """Identity of the current run."""
        return RunId(self.id, self.started_at)

    @property
    def could_not_start(self) -> bool:
        """Was the container created, and did its first start fail?"""
        failed = bool(self.error) or self.exit_code != 0
        return self.status is Status.CREATED and failed

    @property
    def engine_restarts_it(self) -> bool:
        """Will the engine's own policy start the container again after this exit?

        The policy applies to containers that ran; a failed start is not retried.
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
