"""Threads for blocking work, which end with the process."""

import threading
from collections import deque
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
        self._idle: deque[SimpleQueue[Work | None]] = deque()
        self._kept = KEPT

    def run(self, work: Work) -> None:
        """Begin ``work``, which raises nothing."""
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(
                target=self._serve, args=(inbox,), name=self._name, daemon=True
            ).start()
        inbox.put(work)

    def close(self) -> None:
        """End the threads that wait; the others end with their work."""
        self._kept = 0
        while self._idle:
            self._idle.pop().put(None)

    def _serve(self, inbox: "SimpleQueue[Work | None]") -> None:
        thread = threading.current_thread()
        while (work := inbox.get()) is not None:
            thread.name = self._name
            work()
            del work  # A thread that waits keeps no result of it: a list has megabytes.
            if len(self._idle) >= self._kept:
                return
            thread.name = f"{self._name}, idle"
            self._idle.append(inbox)
            if not self._kept:  # It was closed meanwhile.
                self.close()
