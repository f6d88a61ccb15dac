"""The Electrum servers, simulated: what the daemon would see of them."""

import time

from standin.faults import Faults

EPOCH = 1_500_000_000
# A mute server is dropped after 10 s, and reconnected to in a moment.
FLAP_CONNECTED = 10.0
FLAP_DISCONNECTED = 0.2


class Upstream:
    """One server, as `getinfo` tells of it."""

    def __init__(self, faults: Faults, block_seconds: float) -> None:
        self._faults = faults
        self._block_seconds = block_seconds
        self._last_known_height = self._chain_height()

    @property
    def answers(self) -> bool:
        """Whether network-backed work gets anywhere."""
        return not (
            self._faults.on("upstream_lost") or self._faults.on("upstream_mute")
        )

    @property
    def connected(self) -> bool:
        """Necessary for an answering upstream, not sufficient."""
        if self._faults.on("upstream_lost"):
            return False
        if self._faults.on("upstream_mute"):
            return (
                time.monotonic() % (FLAP_CONNECTED + FLAP_DISCONNECTED) < FLAP_CONNECTED
            )
        return True

    @property
    def local_height(self) -> int:
        """Stands still while nothing new arrives."""
        if self.answers and not self._faults.on("stale_height"):
            self._last_known_height = self._chain_height()
        return self._last_known_height

    @property
    def server_height(self) -> int:
        """0 while no server has told its height."""
        return self.local_height if self.answers else 0

    def _chain_height(self) -> int:
        return int((time.time() - EPOCH) / self._block_seconds)
