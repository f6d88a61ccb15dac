"""JSON-RPC over HTTP for single-threaded wallet daemons.

One connection per request, closed before the next; never two at once to one daemon.
A daemon with one thread serves a request later even if its client has left: so a
request without an answer in time stays open, and nothing else is sent until it is
answered. The type of an answer is checked before it is parsed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakValueDictionary

import msgspec
from aiohttp.abc import ResolveResult

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, RunId
from sidecar.core.model.probe_result import probe_unknown
from sidecar.core.model.probe_settings import (
    Credentials,
    ElectronCashProbe,
    JsonRpcProbe,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.failure import ProbeFailed
from sidecar.probes.http_client.client import HttpClient, PendingAnswer
from sidecar.probes.http_client.request import Request
from sidecar.probes.http_client.response import BODY_LIMIT_BYTES
from sidecar.probes.replica_address import ReplicaAddresses
from sidecar.probes.rpc_result import (
    decompress,
    read_result,
)

LONGEST_OPEN_S = 3600.0
"""A connection that was silent for so long may be dead."""

Params = Mapping[str, object] | Sequence[object] | None

_EARLIER_CALL = Reason.of(R.EARLIER_CALL_HOLDS)


class RpcEndpoint(NamedTuple):
    """One JSON-RPC server, as it is reached now.

    ``run``: the run of its container; a request to an earlier run is over.
    ``place``: the key of the server; servers with the same key share one thread.
    ``addresses``: of its host; None: not resolved yet. ``own_losses``: the number of
    times that Sidecar has lost an address of its own until now.
    """

    url: str
    credentials: Credentials | None
    run: RunId
    place: str
    addresses: Sequence[ResolveResult] | None = None
    ca_file: str | None = None
    own_losses: int = 0


def locate_daemon(
    settings: ElectronCashProbe | JsonRpcProbe,
    container: Container,
    addresses: ReplicaAddresses,
    *,
    despite_drill: bool = False,
) -> RpcEndpoint:
    """The server of ``settings`` in the container's present run. Raises ProbeFailed."""
    at = addresses.locate_url(settings.url, container, despite_drill=despite_drill)
    run, ca_file = container.run, settings.ca_file
    losses = addresses.own_losses
    return RpcEndpoint(settings.url, settings.credentials, run, *at, ca_file, losses)


class LateAnswer(NamedTuple):
    """The late answer to a request that an earlier probe had left open.

    ``result`` is the daemon's answer to ``method`` after ``waited_s``.
    """

    method: str
    result: msgspec.Raw
    waited_s: float


class _OpenRequest(NamedTuple):
    """A request that was not answered when its caller's time was over."""

    method: str
    run: RunId
    pending: PendingAnswer
    hosts: frozenset[str] = frozenset()
    """The addresses that the container had when it was sent."""
    own_losses: int = 0


class RpcClient:
    """Calls to any number of daemons."""

    def __init__(
        self, http: HttpClient, longest_open_s: float = LONGEST_OPEN_S
    ) -> None:
        self._http = http
        self._longest_open_s = longest_open_s
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._open: dict[str, _OpenRequest] = {}

    def close(self) -> None:
        """Leave every request that is still open."""
        for request in self._open.values():
            request.pending.abandon()
        self._open.clear()

    @asynccontextmanager
    async def turn(self, place: str, timeout_s: float) -> AsyncIterator[None]:
        """Wait until no other call of Sidecar is in progress at ``place``.

        Raises ProbeFailed(unknown) after ``timeout_s``.
        """
        lock = self._locks.setdefault(place, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout_s):
                await lock.acquire()
        except TimeoutError:
            raise ProbeFailed(
                probe_unknown(Cause.PROBER_FAILED, _EARLIER_CALL)
            ) from None
        try:
            yield
        finally:
            lock.release()

    async def resolve(self, daemon: RpcEndpoint, deadline: float) -> RpcEndpoint:
        """The daemon with its host name resolved once for all calls of a probe."""
        if daemon.addresses is not None:
            return daemon
        addresses = await self._http.find(daemon.url, deadline)
        return daemon._replace(addresses=addresses)

    async def call(
        self,
        daemon: RpcEndpoint,
        method: str,
        deadline: float,
        params: Params = None,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> msgspec.Raw:
        """Send one call on a connection of its own, until ``deadline`` (loop's time).

        The caller holds the daemon's turn; an open request must be answered
        (``late_answer``) or left before. Without an answer the request stays open.
        Raises ProbeFailed.
        """
        body = msgspec.json.encode(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or []}
        )
        request = Request(
            "POST",
            daemon.url,
            daemon.credentials,
            {"Content-Type": "application/json"},
            body,
            daemon.addresses,
            body_limit_bytes,
            daemon.ca_file,
        )
        self._leave_forgotten()
        pending = self._http.send(request, deadline)
        open_request = _OpenRequest(
            method, daemon.run, pending, _hosts(daemon), daemon.own_losses
        )
        return await self._answer(daemon, open_request, deadline)

    async def late_answer(
        self, daemon: RpcEndpoint, deadline: float
    ) -> LateAnswer | None:
        """The answer to the open request until ``deadline``; None if none is open.

        Raises ProbeFailed if there is no answer yet, the answer is an error, or the
        connection breaks. The caller holds the daemon's turn.
        """
        request = self._open_request(daemon)
        if request is None:
            return None
        result = await self._answer(daemon, request, deadline)
        return LateAnswer(request.method, result, request.pending.waited_s)

    def leave(self, daemon: RpcEndpoint) -> None:
        """Close the connection of the open request, if there is one.

        The daemon still serves it, but nobody waits for its answer any more.
        """
        request = self._open.pop(daemon.place, None)
        if request is not None:
            request.pending.abandon()

    def _open_request(self, daemon: RpcEndpoint) -> _OpenRequest | None:
        request = self._open.get(daemon.place)
        if request is None:
            return None
        if _can_be_answered(request, daemon):
            return request
        self.leave(daemon)
        return None

    async def _answer(
        self, daemon: RpcEndpoint, request: _OpenRequest, deadline: float
    ) -> msgspec.Raw:
        """The result, if it comes in time; otherwise the request stays open."""
        self._open[daemon.place] = request
        pending = request.pending
        try:
            answer = await pending.wait_until(deadline)
            return read_result(decompress(answer, request.method), request.method)
        except ProbeFailed as trouble:
            raise _with_waiting_time(trouble, request) from trouble
        finally:
            if pending.is_over:
                self._open.pop(daemon.place, None)
            elif not pending.is_sent or pending.waited_s > self._longest_open_s:
                self.leave(daemon)

    def _leave_forgotten(self) -> None:
        """Close requests twice as old as the limit: their containers are gone."""
        longest_s = 2.0 * self._longest_open_s
        waited_s = {
            at: open_request.pending.waited_s for at, open_request in self._open.items()
        }
        for at in (at for at, seconds in waited_s.items() if seconds > longest_s):
            self._open.pop(at).pending.abandon()


def _hosts(daemon: RpcEndpoint) -> frozenset[str]:
    return frozenset(address["host"] for address in daemon.addresses or ())


def _can_be_answered(request: _OpenRequest, daemon: RpcEndpoint) -> bool:
    """Are both ends of its connection still the same as when it was sent?"""
    hosts = _hosts(daemon)
    is_same_container = request.run == daemon.run and (
        not hosts or request.hosts <= hosts
    )
    return is_same_container and request.own_losses == daemon.own_losses


def _with_waiting_time(trouble: ProbeFailed, request: _OpenRequest) -> ProbeFailed:
    """The same failure, with the waiting time and the method of the request."""
    outcome = replace(trouble.outcome, waited_s=request.pending.waited_s)
    if outcome.cause is Cause.RESET:
        outcome = replace(outcome, broke_on=request.method)
    trouble.outcome = outcome
    return trouble
