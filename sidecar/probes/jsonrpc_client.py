"""JSON-RPC over HTTP as single-threaded wallet daemons need it.

One request, one connection, closed before the next; never two at once to one
daemon. An answer is checked for what it is before it is parsed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import msgspec
from aiohttp.abc import ResolveResult

from sidecar.core.outcome import Cause, unknown
from sidecar.core.target import Credentials
from sidecar.probes.exchange import HttpClient, Request
from sidecar.probes.response import Answer
from sidecar.probes.status import status_trouble
from sidecar.probes.text import brief
from sidecar.probes.trouble import Trouble, trouble

JSON_TYPES = frozenset({"application/json", "application/json-rpc"})
METHOD_NOT_FOUND = -32601
# Parse error, invalid request, no such method, invalid parameters: JSON-RPC's
# own words for a request that does not suit the server.
NOT_UNDERSTOOD = frozenset({-32700, -32600, METHOD_NOT_FOUND, -32602})

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

    ``found``: where its host is, where several calls follow each other.
    """

    url: str
    credentials: Credentials | None
    found: Sequence[ResolveResult] | None = None


class RpcClient:
    """Calls to any number of daemons."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, url: str, timeout_s: float) -> AsyncIterator[None]:
        """Wait until no other call of ours is at the daemon behind ``url``.

        Trouble(unknown) after ``timeout_s``.
        """
        lock = self._locks.setdefault(urlsplit(url).netloc, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout_s):
                await lock.acquire()
        except TimeoutError:
            raise Trouble(unknown(Cause.PROBER_FAILED, _BUSY)) from None
        try:
            yield
        finally:
            lock.release()

    async def found(self, daemon: Daemon, deadline: float) -> Daemon:
        """The daemon with its host's name resolved once for all calls of a probe."""
        found = await self._http.find(daemon.url, deadline)
        return daemon._replace(found=found)

    async def call(
        self,
        daemon: Daemon,
        method: str,
        deadline: float,
        params: Mapping[str, str] | None = None,
    ) -> msgspec.Raw:
        """One call, on a connection of its own, until ``deadline`` (loop's time).

        The caller holds the daemon's turn. Raises Trouble.
        """
        body = msgspec.json.encode(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or []}
        )
        answer = await self._http.exchange(
            Request(
                "POST",
                daemon.url,
                daemon.credentials,
                {"Content-Type": "application/json"},
                body,
                daemon.found,
            ),
            deadline,
        )
        return _result(answer, method)


def decode(raw: msgspec.Raw, shape: type[T], method: str) -> T:
    """Parse a result; Trouble(bad_body) where it is of another shape."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _bad_body(method, f"a result of another kind: {error}") from error


def _result(answer: Answer, method: str) -> msgspec.Raw:
    if answer.content_type in JSON_TYPES:
        envelope = _envelope(answer, method)
        if envelope.error is not None:
            raise _refusal(answer, envelope.error, method)
        if answer.status == HTTPStatus.OK:
            return _present(envelope.result, method)
    if answer.status != HTTPStatus.OK:
        raise status_trouble(answer)
    raise _bad_body(method, f"{answer.content_type} instead of JSON")


def _refusal(answer: Answer, said: RpcError | str, method: str) -> Trouble:
    error = RpcError(message=said) if isinstance(said, str) else said
    if answer.status == HTTPStatus.OK or error.code == METHOD_NOT_FOUND:
        return RpcTrouble(method, error)
    return status_trouble(answer, brief(error.message))


def _envelope(answer: Answer, method: str) -> _Envelope:
    if answer.cut:
        raise _bad_body(method, f"more than {len(answer.body)} bytes")
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
