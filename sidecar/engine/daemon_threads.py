"""Threads for blocking work, which end with the process."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

KEPT = 2
"""Threads that wait for further work: a new thread for each costs more than most
calls to an engine."""

Work = Callable[[], None]


class DaemonThreads:
    """Runs each work at once, in a thread that no other work has.

    The threads are daemon threads, unlike an executor's: a restart under way must not
    delay our own exit.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[SimpleQueue[Work | None]] = []
        self._is_closed = False
        self._changing = threading.Lock()

    def run(self, work: Work) -> None:
        """Begin ``work``, which raises nothing."""
        with self._changing:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = SimpleQueue()
            threading.Thread(
                target=self._serve, args=(inbox,), name=self._name, daemon=True
            ).start()
        inbox.put(work)

    def close(self) -> None:
        """End the threads that wait; the others end with their work."""
        with self._changing:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)

    def _serve(self, inbox: "SimpleQueue[Work | None]") -> None:
        thread = threading.current_thread()
        while (work := inbox.get()) is not None:
            thread.name = self._name
            work()
            del work  # A thread that waits keeps no result of it: a list has megabytes.
            thread.name = f"{self._name}, idle"
            if not self._keep(inbox):
                return

    def _keep(self, inbox: "SimpleQueue[Work | None]") -> bool:
        """Keep the thread of this inbox for further work, if there is room for it."""
        with self._changing:
            if self._is_closed or len(self._idle) >= KEPT:
                return False
            self._idle.append(inbox)
            return True
