"""The addresses of probed servers: of a container of the stack, or by name."""

from dataclasses import replace
from typing import NamedTuple

from aiohttp.abc import ResolveResult

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, RunId
from sidecar.core.model.probe_result import probe_unknown
from sidecar.core.status.network_reach import (
    Reach,
    Surroundings,
    find_reach,
    own_addresses,
)
from sidecar.probes.connection_faults import ConnectionFaults
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.http_client.request import parse_endpoint
from sidecar.probes.http_client.resolver import numeric_result


class LocatedUrl(NamedTuple):
    """A server. ``place`` is its key, the same for all URLs that lead to it.

    ``addresses`` None: its name is to be resolved.
    """

    place: str
    addresses: tuple[ResolveResult, ...] | None


class ReplicaAddresses:
    """The addresses of the stack's containers, and Sidecar's own.

    ``faults``: those of a drill, which refuse connections to a container.
    """

    def __init__(self, faults: ConnectionFaults | None = None) -> None:
        self._faults = faults or ConnectionFaults()
        self._surroundings = Surroundings()
        self._moved: dict[str, Container] = {}
        self._own: frozenset[tuple[str, str]] = frozenset()
        self._own_losses = 0

    @property
    def surroundings(self) -> Surroundings:
        """The stack's containers and Sidecar's own, as they were last seen."""
        return self._surroundings

    @property
    def own_losses(self) -> int:
        """The number of times that Sidecar has lost a network or address of its own."""
        return self._own_losses

    def set_surroundings(self, surroundings: Surroundings) -> None:
        """Set the surroundings from the latest list of containers."""
        self._surroundings = surroundings
        self._moved.clear()
        self._note_own()

    def set_own(self, own: Container) -> None:
        """Set Sidecar's own container as it is now."""
        self._surroundings = replace(self._surroundings, own=own)
        self._note_own()

    def _note_own(self) -> None:
        own = own_addresses(self._surroundings)
        if own is None:
            return
        if not self._own <= own:
            self._own_losses += 1
        self._own = own

    def has_moved(self, container: Container, fresh: Container) -> bool:
        """Is the container on other networks or addresses than assumed?

        If so, the fresh ones are used until the next list.
        """
        assumed = self._moved.get(container.id, container)
        if (assumed.endpoints, assumed.network_mode) == (
            fresh.endpoints,
            fresh.network_mode,
        ):
            return False
        self._moved[container.id] = fresh
        return True

    def locate_url(
        self, url: str, container: Container, *, despite_drill: bool = False
    ) -> LocatedUrl:
        """The location of the host of ``url`` for a probe of ``container``.

        ``despite_drill``: as it is, whatever a drill does. Raises ProbeFailed.
        """
        endpoint = parse_endpoint(url)
        locate = self._locate if despite_drill else self.locate_host
        return locate(endpoint.host, endpoint.port, container)

    def locate_host(self, host: str, port: int, container: Container) -> LocatedUrl:
        """The location of ``host`` for a probe of ``container``. Raises ProbeFailed."""
        located = self._locate(host, port, container)
        closed = self._faults.closed_address(host, self._run_at(located, container))
        return located if closed is None else located._replace(addresses=(closed,))

    def _run_at(self, located: LocatedUrl, container: Container) -> RunId:
        """The run that is asked: of the container of the place, else of the probed."""
        at = self._surroundings.by_id.get(located.place.rpartition(":")[0], container)
        return container.run if at.id == container.id else at.run

    def _locate(self, host: str, port: int, container: Container) -> LocatedUrl:
        now = self._moved.get(container.id, container)
        reach = find_reach(host, now, self._surroundings)
        if reach is None:
            return LocatedUrl(f"{host}:{port}", None)
        if not reach.addresses:
            raise _unreachable(reach)
        addresses = tuple(
            numeric_result(host, address, port) for address in reach.addresses
        )
        return LocatedUrl(f"{reach.container_id or host}:{port}", addresses)


def _unreachable(reach: Reach) -> ProbeFailed:
    if reach.is_judged:
        return probe_failed(Cause.DETACHED, reach.reason, path_fault=True)
    return ProbeFailed(probe_unknown(Cause.PROBER_FAILED, reach.reason))
