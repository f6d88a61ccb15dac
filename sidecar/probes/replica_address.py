"""Where what is probed is reached: as a container of the stack, or by its name."""

from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp.abc import ResolveResult

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import probe_unknown
from sidecar.core.status.network_reach import (
    Reach,
    Surroundings,
    find_reach,
    own_addresses,
)
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.resolver import numeric

_DEFAULT_PORTS = {"http": 80, "https": 443}


class LocatedUrl(NamedTuple):
    """A server. ``place`` is the same for all that lead to it: it has one thread.

    ``found`` None: its name is to be resolved.
    """

    place: str
    found: tuple[ResolveResult, ...] | None


class ReplicaAddresses:
    """Knows the stack's containers, and where Sidecar is among them."""

    def __init__(self) -> None:
        self._around = Surroundings()
        self._moved: dict[str, Container] = {}
        self._own: frozenset[tuple[str, str]] = frozenset()
        self._own_losses = 0

    @property
    def around(self) -> Surroundings:
        """The stack's containers and Sidecar's own, as they were last seen."""
        return self._around

    @property
    def own_losses(self) -> int:
        """How often Sidecar was seen to have lost a network or address of its own."""
        return self._own_losses

    def set_surroundings(self, around: Surroundings) -> None:
        """Say what the last list of containers showed."""
        self._around = around
        self._moved.clear()
        self._note_own()

    def set_own(self, own: Container) -> None:
        """Say how Sidecar's own container looks since."""
        self._around = replace(self._around, own=own)
        self._note_own()

    def _note_own(self) -> None:
        own = own_addresses(self._around)
        if own is None:
            return
        if not self._own <= own:
            self._own_losses += 1
        self._own = own

    def has_moved(self, container: Container, fresh: Container) -> bool:
        """Is it on other networks, or at other addresses, than it was taken to be?

        Until the next list the fresh ones are used.
        """
        used = self._moved.get(container.id, container)
        if (used.endpoints, used.network_mode) == (fresh.endpoints, fresh.network_mode):
            return False
        self._moved[container.id] = fresh
        return True

    def url(self, url: str, container: Container) -> LocatedUrl:
        """Where the host of ``url`` is, for a probe of ``container``. Trouble."""
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return self.host(parts.hostname or "", port, container)

    def host(self, host: str, port: int, container: Container) -> LocatedUrl:
        """Where ``host`` is, for a probe of ``container``. Trouble."""
        now = self._moved.get(container.id, container)
        reached = find_reach(host, now, self._around)
        if reached is None:
            return LocatedUrl(f"{host}:{port}", None)
        if not reached.addresses:
            raise _unreachable(reached)
        found = tuple(numeric(host, address, port) for address in reached.addresses)
        return LocatedUrl(f"{reached.container_id or host}:{port}", found)


def _unreachable(reached: Reach) -> ProbeFailed:
    if reached.is_judged:
        return probe_failed(Cause.DETACHED, reached.reason, path_fault=True)
    return ProbeFailed(probe_unknown(Cause.PROBER_FAILED, reached.reason))
