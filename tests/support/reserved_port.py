"""A port that no other test gets, kept for a process that listens on it."""

import socket


class ReservedPort:
    """A port of 127.0.0.1 that is bound as long as this object lives.

    The kernel gives it to nobody who asks for any free port, neither to listen nor to
    connect. A connection to it is refused until a process listens with SO_REUSEADDR.
    """

    def __init__(self) -> None:
        self._bound = socket.socket()
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._bound.bind(("127.0.0.1", 0))
        self.number: int = self._bound.getsockname()[1]

    def __del__(self) -> None:
        self._bound.close()
