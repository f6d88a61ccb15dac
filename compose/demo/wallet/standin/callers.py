"""Simulated programs that call the daemon in a loop, each in its own thread."""

import contextlib
import http.client
import json
import threading
import time
from base64 import b64encode

from standin.faults import Faults
from standin.rpc import credentials
from standin.settings import Settings

LOOPBACK = "127.0.0.1"
NETWORK_CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "getaddressbalance",
    "params": ["q"],
}
# Seconds. After a shorter call a caller pauses as long, so that quick or refused calls
# occupy a hundredth of the daemon's thread instead of all of it.
QUICK_CALL = 0.1


class Callers:
    """The fault `callers`: a number of loops of network calls, until switched off."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._lock = threading.Lock()
        self._running: set[int] = set()

    def start_missing(self) -> None:
        """Start missing loops; superfluous loops end after their call."""
        with self._lock:
            numbers = set(range(self._target_count))
            for number in numbers - self._running:
                threading.Thread(
                    target=self._call_in_loop, args=(number,), daemon=True
                ).start()
            self._running |= numbers

    def _call_in_loop(self, number: int) -> None:
        while not self._remove_if_superfluous(number):
            started = time.monotonic()
            # A refusal or a connection cut: tried again, as such programs do.
            with contextlib.suppress(OSError, http.client.HTTPException):
                make_network_call(self._settings, self._faults)
            if time.monotonic() - started < QUICK_CALL:
                time.sleep(QUICK_CALL)

    def _remove_if_superfluous(self, number: int) -> bool:
        with self._lock:
            if number < self._target_count:
                return False
            self._running.discard(number)
            return True

    @property
    def _target_count(self) -> int:
        return self._faults.count("callers") if self._faults.on("callers") else 0


def make_network_call(settings: Settings, faults: Faults) -> None:
    """Waits for the answer without a timeout. Raises OSError, HTTPException."""
    encoded = b64encode(credentials(settings, faults)).decode()
    with contextlib.closing(
        http.client.HTTPConnection(LOOPBACK, settings.rpc_port)
    ) as rpc:
        headers = {"Authorization": f"Basic {encoded}"}
        rpc.request("POST", "/", json.dumps(NETWORK_CALL), headers)
        rpc.getresponse().read()
