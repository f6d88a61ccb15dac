"""JSON-RPC over HTTP as single-threaded wallet daemons need it.

One request, one connection, closed before the next; never two at once to one
daemon. A daemon with one thread serves a request whose client has left all the same,
later: so a request that is not answered in time stays open, and nothing else is sent
until it is answered. An answer is checked for what it is before it is parsed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple, TypeVar
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
from sidecar.probes.address import Addresses
from sidecar.probes.content import CannotBeJudged, unpack
from sidecar.probes.exchange import HttpClient, PendingAnswer, Request
from sidecar.probes.response import BODY_LIMIT_BYTES, Answer
from sidecar.probes.status import status_trouble
from sidecar.probes.text import brief
from sidecar.probes.trouble import Trouble, trouble

JSON_TYPES = frozenset({"application/json", "application/json-rpc"})
UNPACKED_LIMIT_BYTES = 1_048_576
"""Of an answer that comes compressed: what is longer is cut, as on the wire."""
METHOD_NOT_FOUND = -32601
# Parse error, invalid request, no such method, invalid parameters: JSON-RPC's
# own words for a request that does not suit the server.
NOT_UNDERSTOOD = frozenset({-32700, -32600, METHOD_NOT_FOUND, -32602})

LONGEST_OPEN_S = 3600.0
"""A connection that has said nothing for so long may lead nowhere any more."""

Params = Mapping[str, object] | Sequence[object] | None

_BUSY = "an earlier call of ours still holds the daemon"

T = TypeVar("T")


class RpcError(msgspec.Struct):
    """What a daemon says when it does not do as asked."""

    code: int | None = None
    message: str = ""


class _Envelope(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | str | None = None


class RpcTrouble(Trouble):
    """The daemon answered with an error of its own, ``error``."""

    def __init__(self, method: str, error: RpcError) -> None:
        said = brief(error.message)
        code = f"error {error.code}" if error.code is not None else "an error"
        not_understood = error.code in NOT_UNDERSTOOD
        cause = Cause.MISCONFIGURED if not_understood else Cause.BAD_BODY
        reason = f"{method} answered {code}: {said}"
        super().__init__(trouble(cause, reason, rpc_answers=True).outcome)
        self.method = method
        self.error = error


class Daemon(NamedTuple):
    """One JSON-RPC server, as it is reached now.

    ``run``: in which run of its container; a request to an earlier one is over.
    ``place``: those who share it share one thread. ``found``: where its host is.
    ``own_losses``: how often Sidecar has lost an address of its own until now.
    """

    url: str
    credentials: Credentials | None
    run: RunId
    place: str
    found: Sequence[ResolveResult] | None = None
    ca_file: str | None = None
    own_losses: int = 0


def locate(
    settings: ElectronCashProbe | JsonRpcProbe,
    container: Container,
    addresses: Addresses,
) -> Daemon:
    """The server that ``settings`` name, in the container's present run. Trouble."""
    at = addresses.url(settings.url, container)
    run, ca_file = container.run, settings.ca_file
    losses = addresses.own_losses
    return Daemon(settings.url, settings.credentials, run, *at, ca_file, losses)


class LateAnswer(NamedTuple):
    """What came of a request that an earlier probe had left open.

    ``result`` is what the daemon answered to ``method`` after ``waited_s``.
    """

    method: str
    result: msgspec.Raw
    waited_s: float


class _Open(NamedTuple):
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
        self._open: dict[str, _Open] = {}

    def close(self) -> None:
        """Leave every request that is still open."""
        for request in self._open.values():
            request.pending.abandon()
        self._open.clear()

    @asynccontextmanager
    async def turn(self, place: str, timeout_s: float) -> AsyncIterator[None]:
        """Wait until no other call of ours is at the daemon at ``place``.

        Trouble(unknown) after ``timeout_s``.
        """
        lock = self._locks.setdefault(place, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout_s):
                await lock.acquire()
        except TimeoutError:
            raise Trouble(probe_unknown(Cause.PROBER_FAILED, _BUSY)) from None
        try:
            yield
        finally:
            lock.release()

    async def found(self, daemon: Daemon, deadline: float) -> Daemon:
        """The daemon with its host's name resolved once for all calls of a probe."""
        if daemon.found is not None:
            return daemon
        found = await self._http.find(daemon.url, deadline)
        return daemon._replace(found=found)

    async def call(
        self,
        daemon: Daemon,
        method: str,
        deadline: float,
        params: Params = None,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> msgspec.Raw:
        """One call, on a connection of its own, until ``deadline`` (loop's time).

        The caller holds the daemon's turn, and has had what is open answered
        (``late_answer``) or left. What was sent and is not answered stays open.
        Raises Trouble.
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
            daemon.found,
            body_limit_bytes,
            daemon.ca_file,
        )
        self._leave_forgotten()
        pending = self._http.send(request, deadline)
        sent = _Open(method, daemon.run, pending, _hosts(daemon), daemon.own_losses)
        return await self._answer(daemon, sent, deadline)

    async def late_answer(self, daemon: Daemon, deadline: float) -> LateAnswer | None:
        """What comes, until ``deadline``, of the request that is still open.

        None: there is none. Trouble where it is not answered yet, or was answered
        an error, or broke. The caller holds the daemon's turn.
        """
        request = self._open_request(daemon)
        if request is None:
            return None
        result = await self._answer(daemon, request, deadline)
        return LateAnswer(request.method, result, request.pending.waited_s)

    def leave(self, daemon: Daemon) -> None:
        """Close the connection of the request that is open, where there is one.

        The daemon serves it all the same; its answer is not waited for any more.
        """
        request = self._open.pop(daemon.place, None)
        if request is not None:
            request.pending.abandon()

    def _open_request(self, daemon: Daemon) -> _Open | None:
        request = self._open.get(daemon.place)
        if request is None:
            return None
        if _can_be_answered(request, daemon):
            return request
        self.leave(daemon)
        return None

    async def _answer(
        self, daemon: Daemon, request: _Open, deadline: float
    ) -> msgspec.Raw:
        """The result, where it comes in time; otherwise the request stays open."""
        self._open[daemon.place] = request
        pending = request.pending
        try:
            answer = await pending.wait_until(deadline)
            return _result(_plain(answer, request.method), request.method)
        except Trouble as trouble:
            raise _with_waiting(trouble, request) from trouble
        finally:
            if pending.is_over:
                self._open.pop(daemon.place, None)
            elif not pending.is_sent or pending.waited_s > self._longest_open_s:
                self.leave(daemon)

    def _leave_forgotten(self) -> None:
        """Those of containers that are no more: nobody waits so long for another."""
        longest_s = 2.0 * self._longest_open_s
        waited_s = {at: found.pending.waited_s for at, found in self._open.items()}
        for at in (at for at, seconds in waited_s.items() if seconds > longest_s):
            self._open.pop(at).pending.abandon()


def _hosts(daemon: Daemon) -> frozenset[str]:
    return frozenset(found["host"] for found in daemon.found or ())


def _can_be_answered(request: _Open, daemon: Daemon) -> bool:
    """Are both ends of its connection still what they were when it was sent?"""
    hosts = _hosts(daemon)
    is_theirs = request.run == daemon.run and (not hosts or request.hosts <= hosts)
    return is_theirs and request.own_losses == daemon.own_losses


def _with_waiting(trouble: Trouble, request: _Open) -> Trouble:
    """The same trouble, with how long it was waited for, and for what."""
    outcome = replace(trouble.outcome, waited_s=request.pending.waited_s)
    if outcome.cause is Cause.RESET:
        outcome = replace(outcome, broke_on=request.method)
    trouble.outcome = outcome
    return trouble


def decode(raw: msgspec.Raw, shape: type[T], method: str) -> T:
    """Parse a result; Trouble(bad_body) where it is of another shape."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _bad_body(method, f"a result of another kind: {error}") from error


def _plain(answer: Answer, method: str) -> Answer:
    """Decompressed, which was not asked for; Trouble(unknown) where that fails."""
    try:
        return unpack(answer, UNPACKED_LIMIT_BYTES)
    except CannotBeJudged as why:
        said = f"what {method} answered cannot be judged: {why}"
        raise Trouble(probe_unknown(Cause.PROBER_FAILED, said)) from why


def _result(answer: Answer, method: str) -> msgspec.Raw:
    if _is_json(answer):
        envelope = _envelope(answer, method)
        if envelope.error is not None:
            raise _refusal(answer, envelope.error, method)
        if answer.status == HTTPStatus.OK:
            return _present(envelope.result, method)
    if answer.status != HTTPStatus.OK:
        raise status_trouble(answer)
    raise _bad_body(method, f"{answer.content_type} instead of JSON")


def _is_json(answer: Answer) -> bool:
    """By its type, or by how it begins: some servers say text/plain, or nothing."""
    begins = answer.body.lstrip()[:1] == b"{"
    return answer.content_type in JSON_TYPES or begins


def _refusal(answer: Answer, said: RpcError | str, method: str) -> Trouble:
    error = RpcError(message=said) if isinstance(said, str) else said
    if answer.status == HTTPStatus.OK or error.code == METHOD_NOT_FOUND:
        return RpcTrouble(method, error)
    return status_trouble(answer, brief(error.message))


def _envelope(answer: Answer, method: str) -> _Envelope:
    if answer.cut:
        size = len(answer.body)
        said = f"{method} answered more than {size} bytes: it cannot be judged"
        raise Trouble(probe_unknown(Cause.PROBER_FAILED, said))
    try:
        return msgspec.json.decode(answer.body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if answer.status != HTTPStatus.OK:
            raise status_trouble(answer) from error
        raise _bad_body(method, f"no JSON-RPC: {error}") from error


def _present(result: msgspec.Raw, method: str) -> msgspec.Raw:
    if not bytes(result):
        raise _bad_body(method, "neither a result nor an error")
    return result


def _bad_body(method: str, what: str) -> Trouble:
    return trouble(Cause.BAD_BODY, f"{method} answered {what}", rpc_answers=True)
