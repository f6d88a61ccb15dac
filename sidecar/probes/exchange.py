"""One HTTP request on one short connection of its own, and what came back."""

import asyncio
import base64
import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import NamedTuple, NoReturn

import aiohttp
from yarl import URL

from sidecar.core.outcome import Cause
from sidecar.core.target import Credentials
from sidecar.probes.resolver import ThreadResolver
from sidecar.probes.trouble import Trouble, trouble

BODY_LIMIT_BYTES = 65536

_BROKEN_OFF = "{place} closed the connection without a whole answer"
_RESETS = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


class Answer(NamedTuple):
    """What the server said; ``body`` is its first BODY_LIMIT_BYTES."""

    status: int
    content_type: str
    body: bytes
    cut: bool


class Request(NamedTuple):
    """What to ask. ``credentials`` are sent at once, without a challenge."""

    method: str
    url: str
    credentials: Credentials | None = None
    headers: Mapping[str, str] | None = None
    body: bytes | None = None


class _Step(StrEnum):
    RESOLVING = "resolving"
    CONNECTING = "connecting"
    WAITING = "waiting"


@dataclass(slots=True)
class _Progress:
    """How far a request has come; a numeric address needs no resolving."""

    step: _Step = _Step.CONNECTING


class HttpClient:
    """A connection per request: closed after the answer, nothing remembered.

    No cookies, no redirects, no proxies, no kept name or address. Make and
    close it in the loop that uses it.
    """

    def __init__(self, resolver: ThreadResolver) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                force_close=True,
                use_dns_cache=False,
                limit=0,
                resolver=resolver,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            headers={"Accept-Encoding": "identity", "User-Agent": "sidecar"},
            trace_configs=[_progress_trace()],
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._session.close()

    async def exchange(self, request: Request, deadline: float) -> Answer:
        """Ask, and read the answer, until ``deadline`` (the loop's time).

        Raises Trouble where there was no whole answer.
        """
        place = _place(request.url)
        progress = _Progress()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._ask(request, progress)
        except TimeoutError:
            seconds = asyncio.get_running_loop().time() - began
            _raise_silence(progress.step, place, seconds)
        except aiohttp.ClientError as error:
            raise _translated(error, place) from error

    async def _ask(self, request: Request, progress: _Progress) -> Answer:
        async with self._session.request(
            request.method,
            request.url,
            data=request.body,
            headers=_headers(request),
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            body, cut = await _read(response)
            return Answer(response.status, response.content_type, body, cut)


def _headers(request: Request) -> dict[str, str]:
    headers = dict(request.headers or {})
    if request.credentials is not None:
        username, password = request.credentials.username, request.credentials.password
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    try:
        body = await response.content.readexactly(BODY_LIMIT_BYTES + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial, False
    return body[:BODY_LIMIT_BYTES], True


def _place(url: str) -> str:
    parts = URL(url)
    return f"{parts.host}:{parts.port}"


def _progress_trace() -> aiohttp.TraceConfig:
    """Follow a request: which step a timeout cut short tells causes apart."""
    trace = aiohttp.TraceConfig()
    trace.on_dns_resolvehost_start.append(_reached(_Step.RESOLVING))
    trace.on_dns_resolvehost_end.append(_reached(_Step.CONNECTING))
    trace.on_connection_create_end.append(_reached(_Step.WAITING))
    return trace


def _reached(
    step: _Step,
) -> Callable[[object, SimpleNamespace, object], Awaitable[None]]:
    async def note(_session: object, context: SimpleNamespace, _: object) -> None:
        context.trace_request_ctx.step = step

    return note


def _raise_silence(step: _Step, place: str, seconds: float) -> NoReturn:
    match step:
        case _Step.RESOLVING:
            raise trouble(
                Cause.DETACHED,
                f"the name of {place} did not resolve within {seconds:.1f} s",
                path_fault=True,
            )
        case _Step.CONNECTING:
            raise trouble(
                Cause.HUNG,
                f"{place} accepted no connection for {seconds:.1f} s",
                path_fault=True,
            )
        case _Step.WAITING:
            raise trouble(Cause.HUNG, f"no answer from {place} for {seconds:.1f} s")


_MEANING: tuple[tuple[type[aiohttp.ClientError], Cause, str], ...] = (
    (
        aiohttp.ClientConnectorDNSError,
        Cause.DETACHED,
        "the name of {place} does not resolve",
    ),
    (aiohttp.ClientSSLError, Cause.MISCONFIGURED, "TLS with {place} failed: {error}"),
    (aiohttp.InvalidURL, Cause.MISCONFIGURED, "the address of {place} is not valid"),
    (aiohttp.ClientResponseError, Cause.BAD_BODY, "{place} does not answer in HTTP"),
    (aiohttp.ServerDisconnectedError, Cause.RESET, _BROKEN_OFF),
    (aiohttp.ClientPayloadError, Cause.RESET, _BROKEN_OFF),
)


def _translated(error: aiohttp.ClientError, place: str) -> Exception:
    """What an error of the client says about the target.

    Errors that say nothing about it (too many open files, no memory) come back
    as they are: the probe then answers UNKNOWN.
    """
    for kind, cause, text in _MEANING:
        if isinstance(error, kind):
            reason = text.format(place=place, error=error)
            return trouble(cause, reason, path_fault=cause is Cause.DETACHED)
    if isinstance(error, OSError):
        return socket_trouble(error, place) or error
    return error


def socket_trouble(error: OSError, place: str) -> Trouble | None:
    """What a socket's error says about the target; None: nothing."""
    number = error.errno
    if number in _RESETS:
        return trouble(Cause.RESET, _BROKEN_OFF.format(place=place))
    if number == errno.ETIMEDOUT:
        return trouble(Cause.HUNG, f"{place} accepts no connection", path_fault=True)
    if number in _NO_WAY:
        return trouble(Cause.DETACHED, f"there is no route to {place}", path_fault=True)
    # Several addresses refused in different words leave no number.
    if number == errno.ECONNREFUSED or "refused" in str(error):
        return trouble(Cause.REFUSED, f"connection refused by {place}")
    return None
