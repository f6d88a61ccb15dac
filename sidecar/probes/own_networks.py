"""Where Sidecar itself is among the networks, and whether that is why it reaches none.

The engine tells of no change of a network, so our own container is looked at when a
target is out of reach.
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
"""Many probes that fail at once need one look."""
_LOOK_S = 3.0


class OwnNetworks:
    """Remembers on which networks Sidecar has been.

    ``look`` gives its own container as it is now; None: it is in none, or not known.
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

    def note(self, around: Surroundings) -> None:
        """Remember where it is now."""
        self._was_on |= own_networks(around) or frozenset()

    async def has_moved_since(self, used: Surroundings) -> bool:
        """Has it other networks or addresses by now than a probe took it to have?"""
        async with self._looking:
            if self._clock.now().mono - self._looked_mono >= LOOK_EVERY_S:
                await self._look_at_ourselves()
                self._looked_mono = self._clock.now().mono
        return own_addresses(self._addresses.around) != own_addresses(used)

    async def _look_at_ourselves(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                own = await self._look()
        except TimeoutError:
            return
        if own is not None:
            self._addresses.set_own(own)
            self.note(self._addresses.around)

    def blamed_for(self, outcome: ProbeResult, container: Container) -> ProbeResult:
        """That nothing is known, where Sidecar has left the networks of ``container``.

        Else the outcome, with whether Sidecar is on one of them.
        """
        around = self._addresses.around
        own, ours = around.own, own_networks(around)
        if not outcome.path_fault or own is None or ours is None:
            return outcome
        theirs = networks_of(container, around)
        if theirs & ours:
            return replace(outcome, shares_network=True)
        left = sorted(theirs if not ours else theirs & self._was_on)
        if not left:
            return outcome
        name = left[0]
        return probe_unknown(
            Cause.OWN_NETWORK,
            Reason.of(R.LEFT_NETWORK, name=name, network=name, container=own.name),
        )
