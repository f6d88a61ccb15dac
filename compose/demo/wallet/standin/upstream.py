"""The Electrum servers, simulated from the daemon's view."""

import random
import time

from standin.faults import Faults
from standin.settings import Settings

EPOCH = 1_500_000_000
# A mute server is dropped after 10 s, and reconnected to in a moment.
FLAP_CONNECTED = 10.0
FLAP_DISCONNECTED = 0.2
OUTAGES = ("upstream_lost", "upstream_mute", "offline")
# In an outage a call ends after 25 to 30 s; NETWORK_TIMEOUT is the longest.
SHORTEST_TIMEOUT = 25 / 30


class timeout(Exception):  # noqa: N801  # the name is on the wire
    """No upstream answered in time."""


class Upstream:
    """One server, as `getinfo` reports it."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._last_known_height = self._chain_height()

    @property
    def answers(self) -> bool:
        """Whether network-backed calls succeed."""
        return not any(map(self._faults.on, OUTAGES))

    @property
    def offline(self) -> bool:
        """Whether the daemon is set to offline mode."""
        return self._faults.on("offline")

    @property
    def is_connected(self) -> bool:
        """Whether a server is connected, which need not answer."""
        if self._faults.on("upstream_lost") or self.offline:
            return False
        if self._faults.on("upstream_mute"):
            return (
                time.monotonic() % (FLAP_CONNECTED + FLAP_DISCONNECTED) < FLAP_CONNECTED
            )
        return True

    @property
    def local_height(self) -> int:
        """The daemon's height; constant while nothing new arrives."""
        if self.answers and not self._faults.on("stale_height"):
            self._last_known_height = self._chain_height()
        return self._last_known_height

    @property
    def server_height(self) -> int:
        """The server's height; 0 while it is unknown."""
        return self.local_height if self.answers else 0

    @property
    def latency(self) -> float:
        """Seconds from a request to its answer."""
        slow = self._faults.on("upstream_slow")
        return self._faults.seconds("upstream_slow") if slow else 0.0

    def ask(self) -> None:
        """Holds the caller as a network-backed call does; raises timeout."""
        if self._faults.on("network_call"):
            self._faults.hold("network_call")
        elif not self.answers:
            longest = self._settings.network_timeout
            time.sleep(random.uniform(SHORTEST_TIMEOUT * longest, longest))  # noqa: S311
        elif self._faults.on("upstream_slow"):
            self._faults.hold("upstream_slow")
        if not self.answers:
            raise timeout("Server did not answer")

    def _chain_height(self) -> int:
        return int((time.time() - EPOCH) / self._settings.block_seconds)
