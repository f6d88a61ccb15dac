"""Sidecar's own networks: is a lost one the reason why a target is unreachable?

The engine reports no change of networks, so Sidecar's own container is inspected
when a target is unreachable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_unknown
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.network_reach import (
    Surroundings,
    networks_of,
    own_addresses,
    own_networks,
)
from sidecar.probes.replica_address import ReplicaAddresses

LOOK_EVERY_S = 1.0
"""Many probes that fail at once need only one inspection."""
_LOOK_S = 3.0


class OwnNetworks:
    """Remembers the networks that Sidecar has been on.

    ``look`` returns its own container as it is now; None: it has none, or not known.
    """

    def __init__(
        self,
        addresses: ReplicaAddresses,
        look: Callable[[], Awaitable[Container | None]],
        clock: Clock,
    ) -> None:
        self._addresses = addresses
        self._look = look
        self._clock = clock
        self._looking = asyncio.Lock()
        self._looked_mono = -LOOK_EVERY_S
        self._was_on: frozenset[str] = frozenset()

    def note(self, surroundings: Surroundings) -> None:
        """Remember Sidecar's present networks."""
        self._was_on |= own_networks(surroundings) or frozenset()

    async def has_moved_since(self, assumed: Surroundings) -> bool:
        """Does Sidecar now have other networks or addresses than a probe assumed?"""
        async with self._looking:
            if self._clock.now().mono - self._looked_mono >= LOOK_EVERY_S:
                await self._look_at_ourselves()
                self._looked_mono = self._clock.now().mono
        return own_addresses(self._addresses.surroundings) != own_addresses(assumed)

    async def _look_at_ourselves(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                own = await self._look()
        except TimeoutError:
            return
        if own is not None:
            self._addresses.set_own(own)
            self.note(self._addresses.surroundings)

    def judge_outcome(self, outcome: ProbeResult, container: Container) -> ProbeResult:
        """UNKNOWN if Sidecar has left the networks of ``container``.

        Else the outcome, with a mark if Sidecar shares a network with it.
        """
        surroundings = self._addresses.surroundings
        own, ours = surroundings.own, own_networks(surroundings)
        if not outcome.path_fault or own is None or ours is None:
            return outcome
        theirs = networks_of(container, surroundings)
        if theirs & ours:
            return replace(outcome, shares_network=True)
        left_networks = sorted(theirs if not ours else theirs & self._was_on)
        if not left_networks:
            return outcome
        name = left_networks[0]
        return probe_unknown(
            Cause.OWN_NETWORK,
            Reason.of(R.LEFT_NETWORK, name=name, network=name, container=own.name),
        )
