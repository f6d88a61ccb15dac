"""Calls and connections of clients, so that tests can assert a prober's behaviour."""

import threading
import time
from collections import deque
from dataclasses import asdict, dataclass

KEPT = 10_000


@dataclass(frozen=True)
class Call:
    """One method called."""

    at: float
    client: str
    method: str
    wallet_loaded: bool


@dataclass(frozen=True)
class Connection:
    """One connection, from its accept to its end."""

    accepted_at: float
    client: str
    seconds: float
    waiting: int  # in the accept queue when this one was answered, or left


class Observed:
    """Bounded logs, filled by the RPC thread and read by the control port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started_at = time.time()
        self.forget()

    def forget(self) -> None:
        """Clear the logs."""
        with self._lock:
            self._calls: deque[Call] = deque(maxlen=KEPT)
            self._connections: deque[Connection] = deque(maxlen=KEPT)
            self._max_simultaneous = 0

    def call(self, client: str, method: str, *, wallet_loaded: bool) -> None:
        """Record a call, with the wallet's state at its arrival."""
        with self._lock:
            self._calls.append(Call(time.time(), client, method, wallet_loaded))

    def connection(self, connection: Connection) -> None:
        """Record a connection; overlapping clients wait in the accept queue."""
        with self._lock:
            self._connections.append(connection)
            self._max_simultaneous = max(self._max_simultaneous, 1 + connection.waiting)

    def snapshot(self) -> dict[str, object]:
        """All of it, for the control port."""
        with self._lock:
            return {
                "started_at": self._started_at,
                "calls": [asdict(call) for call in self._calls],
                "connections": [asdict(connection) for connection in self._connections],
                "max_simultaneous_connections": self._max_simultaneous,
            }
