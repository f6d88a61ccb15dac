"""Many requests to one server at a bounded rate, and those that failed."""

import http.client
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Request:
    """One kind of request, and the statuses that are no failure."""

    method: str
    path: str
    good: frozenset[int]


@dataclass
class RequestLoad:
    """``workers`` connections that send ``per_second`` requests in all, until closed.

    A connection is kept; a request whose connection fails is a failure, too.
    """

    host: str
    port: int
    request: Request
    per_second: float
    workers: int = 4
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counts = [0] * self.workers
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(self.workers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=TIMEOUT_S)

    @property
    def count(self) -> int:
        """Number of requests that have ended."""
        return sum(self._counts)

    def _work(self, number: int) -> None:
        every_s = self.workers / self.per_second
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        due_mono = time.monotonic()
        while not self._ending.is_set():
            self._send(connection)
            self._counts[number] += 1
            # A late request is not made up for: the rate stays bounded.
            due_mono = max(due_mono + every_s, time.monotonic())
            self._ending.wait(due_mono - time.monotonic())
        connection.close()

    def _send(self, connection: http.client.HTTPConnection) -> None:
        began = time.monotonic()
        try:
            connection.request(self.request.method, self.request.path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._note(f"{error!r}", began)
            return
        if answer.status not in self.request.good:
            self._note(f"{answer.status} {body[:200]!r}", began)

    def _note(self, what: str, began: float) -> None:
        at, took_s = time.strftime("%X"), time.monotonic() - began
        self.failures.append(f"{at} {what} after {took_s:.1f} s")
