"""systemd: learns that Sidecar is ready, that its loop works, and what it watches."""

import asyncio
import contextlib
import faulthandler
import os
import socket
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from sidecar.core.model.state import State

STATUS_EVERY_S = 10.0
FIRST_LOOK_S = 0.1


class Steps(Protocol):
    """Facts about the loop: its state, and when it last completed a step."""

    state: State
    last_step_mono: float


class ServiceManager:
    """Sends messages of sd_notify(3). It never raises or waits."""

    def __init__(self, address: str) -> None:
        # "@" stands for the null byte of an abstract address.
        self._address = address.replace("@", "\0", 1)
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_UNIX, kind)

    def send(self, *lines: str) -> None:
        """Send assignments such as "READY=1"; what is lost, the next one repeats."""
        with contextlib.suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), self._address)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


async def tell_service_manager(
    watchdog: Steps, stop: asyncio.Event, environ: Mapping[str, str] = os.environ
) -> None:
    """Tell systemd of the loop until ``stop``; nothing without ``Type=notify``.

    A loop that does not complete steps sends no ``WATCHDOG=1``: after ``WatchdogSec``
    systemd ends the process by SIGABRT, and starts it again.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # On SIGABRT the log shows where each thread was.
    faulthandler.enable()
    with contextlib.closing(ServiceManager(address)) as manager:
        await _report_steps(manager, watchdog, stop, find_pause_s(environ))
        manager.send("STOPPING=1")


async def _report_steps(
    manager: ServiceManager, watchdog: Steps, stop: asyncio.Event, every_s: float
) -> None:
    pause_s, ready = min(FIRST_LOOK_S, every_s), ["READY=1"]
    seen_mono = watchdog.last_step_mono
    while not stop.is_set():
        if watchdog.last_step_mono != seen_mono:
            seen_mono = watchdog.last_step_mono
            manager.send(*ready, "WATCHDOG=1", describe(watchdog.state))
            pause_s, ready = every_s, []
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


def find_pause_s(environ: Mapping[str, str]) -> float:
    """The time between two messages: half of ``WatchdogSec``, at most 10 s."""
    text = environ.get("WATCHDOG_USEC", "")
    half_s = int(text) / 2e6 if text.isdecimal() else 0.0
    return min(half_s or STATUS_EVERY_S, STATUS_EVERY_S)


def describe(state: State) -> str:
    """The line that ``systemctl status`` shows."""
    counts = Counter(str(instance.state) for instance in state.instances.values())
    targets = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"STATUS=mode {state.mode}; targets: {targets or 'none yet'}"
