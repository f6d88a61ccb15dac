"""The client that all calls to the engine share, connected when it is needed."""

import threading
from collections.abc import Callable

from sidecar.core.ports.engine import EngineError, EngineTimeout
from sidecar.engine.client import Client
from sidecar.engine.errors import TRANSLATED_ERRORS, CouldNotConnect, Mask, engine_error

OpenClient = Callable[[float], Client]
"""Opens a client until a deadline (monotonic seconds)."""


class SharedClient:
    """One client at a time, for calls in several threads."""

    def __init__(self, open_one: OpenClient, mask: Mask) -> None:
        self._open_one = open_one
        self._mask = mask
        self._client: Client | None = None
        self._changing = threading.Lock()

    def get(self, until: float) -> Client:
        """The client, with this deadline for the thread's requests. EngineError."""
        client = self._client or self._keep(self._open(until))
        client.set_deadline(until)
        return client

    def drop(self, client: Client) -> None:
        """Close a client that cannot connect: the next engine may have another version.

        Connections of calls that still run are closed when these end.
        """
        with self._changing:
            if self._client is client:
                self._client = None
        client.close()

    def close(self) -> None:
        """Close the client, if there is one."""
        if self._client is not None:
            self.drop(self._client)

    def _keep(self, client: Client) -> Client:
        """Keep this client, unless another thread has connected meanwhile."""
        with self._changing:
            kept = self._client = self._client or client
        if kept is not client:
            client.close()
        return kept

    def _open(self, until: float) -> Client:
        try:
            return self._open_one(until)
        except (*TRANSLATED_ERRORS, EngineError) as error:
            translated = engine_error(error, self._mask)
            if isinstance(translated, EngineTimeout):
                # Nothing of the call itself was sent.
                raise CouldNotConnect(str(translated)) from error
            raise translated from error
