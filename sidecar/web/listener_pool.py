"""Pools of listeners: a bounded number of streams of one kind."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from sidecar.web.connection import connection_of
from sidecar.web.response import RequestRefused

RETRY_AFTER_S = 15
"""Seconds after which a refused listener may ask again."""


class ListenerPool:
    """At most ``most`` requests listen at one time; the next one is refused."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    @contextmanager
    def join(self, request: web.Request) -> Iterator[None]:
        """Take a place while the request listens. RequestRefused: all are taken."""
        if self._count >= self._most:
            raise RequestRefused(
                503,
                f"{self._most} listeners are connected already: ask again later",
                retry_after_s=RETRY_AFTER_S,
            )
        self._count += 1
        try:
            connection = connection_of(request.transport)
            if connection is None:
                yield
                return
            with connection.mark_listening():
                yield
        finally:
            self._count -= 1
