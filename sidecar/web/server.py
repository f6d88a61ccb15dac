"""The HTTP server."""

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from loguru import logger

from sidecar.core.ports.loop import QueueFull
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.text.formatting import ZONE_HEADER
from sidecar.web.connection import SOCKET_BUFFER_BYTES, Connection, connection_of
from sidecar.web.door import Door, Limits
from sidecar.web.response import RequestRefused, error_response
from sidecar.web.routes.acknowledge import NotificationRoutes, NotificationServices
from sidecar.web.routes.control import ControlRoutes
from sidecar.web.routes.health import HealthRoutes
from sidecar.web.routes.history import HistoryRoutes
from sidecar.web.routes.incidents import IncidentRoutes
from sidecar.web.routes.status import HEARTBEAT_S, StatusRoutes
from sidecar.web.services import ApiServices
from sidecar.web.streaming import in_pieces

ANSWER_DEADLINE_S = 15.0
MAX_BODY_BYTES = Limits().body_bytes
ONE_PIECE_BYTES = 32 * 1024
"""Larger answers are sent in pieces of that size, each with its own deadline."""

LINE_BYTES = 8190
ACCEPTED_AT_ONCE = 8
"""In one turn of the event loop: so a newcomer is heard before many others come."""

WAITING_CONNECTIONS = 512
"""The kernel keeps so many until they are accepted."""

SHUTDOWN_S = 1.0
_STREAMS = frozenset({"/api/v1/events", "/metrics"})
"""Each piece that is sent has its own deadline."""


class WebServer:
    """Serves the desk on ``host``:``port``; port 0 takes a free one.

    ``notify`` adds the pages by which people answer. ``limits`` bounds who may be
    connected, and for how long.
    """

    def __init__(
        self,
        desk: ApiServices,
        host: str,
        port: int,
        *,
        notify: NotificationServices | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
    ) -> None:
        self._door = Door(_limit_load(limits))
        app = web.Application(
            middlewares=[self._counted, _limit_time], client_max_size=limits.body_bytes
        )
        app.on_response_prepare.append(partial(_add_zone_header, desk))
        pages_of_desk = (
            HealthRoutes(desk),
            StatusRoutes(desk, heartbeat_s),
            IncidentRoutes(desk),
            HistoryRoutes(desk),
            ControlRoutes(desk),
        )
        for pages in pages_of_desk:
            app.add_routes(pages.routes())
        if notify is not None:
            app.add_routes(NotificationRoutes(desk, notify).routes())
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log(),
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_S,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
            read_bufsize=limits.body_bytes,
            lingering_time=limits.head_s,
        )
        self._listener: asyncio.Server | None = None
        self._host = host
        self._port = port

    async def start(self) -> None:
        """Listen; OSError where the address is taken or not ours."""
        await self._runner.setup()
        try:
            self._listener = await self._listen()
        except OSError:
            await self._runner.cleanup()
            raise

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        inner = self._runner.server
        assert inner is not None
        listener = await loop.create_server(
            lambda: Connection(self._door, inner),
            self._host,
            self._port,
            start_serving=False,
            backlog=ACCEPTED_AT_ONCE,
        )
        for listening in listener.sockets:
            # Connections inherit it: what the kernel holds for them is bounded, too.
            for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                listening.setsockopt(socket.SOL_SOCKET, buffer, SOCKET_BUFFER_BYTES)
        await listener.start_serving()
        for listening in listener.sockets:
            with listening.dup() as same:
                same.listen(WAITING_CONNECTIONS)
        return listener

    async def stop(self) -> None:
        """Stop listening and end what is open, within SHUTDOWN_S or so."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port listened on."""
        for listening in self._listener.sockets if self._listener else ():
            return int(listening.getsockname()[1])
        return self._port

    @property
    def connections(self) -> int:
        """How many are connected."""
        return self._door.waiting.count + self._door.inside.count

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """The door knows what is being answered, and what of it is large."""
        with _is_stream(request):
            response = await handler(request)
            body = response.body if isinstance(response, web.Response) else None
            if not isinstance(body, bytes) or len(body) <= ONE_PIECE_BYTES:
                return response
            with self._door.holding(len(body)) as may:
                if not may:
                    return error_response(
                        503, "too many large answers are sent: ask later"
                    )
                return await in_pieces(request, response, body, ONE_PIECE_BYTES)


@contextmanager
def _is_stream(request: web.Request) -> Iterator[None]:
    connection = connection_of(request.transport)
    if connection is None:
        yield
        return
    with connection.served():
        yield


def _limit_load(limits: Limits) -> Limits:
    """Every connection is an open file, and the rest of the sidecar needs some."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return limits
    return limits._replace(waiting=min(limits.waiting, allowed // 4))


def _log() -> logging.Logger:
    log = logging.getLogger("sidecar.web")
    if _drop_parser_log not in log.filters:
        log.addFilter(_drop_parser_log)
    return log


def _drop_parser_log(record: logging.LogRecord) -> bool:
    """Whatever reaches the port can be no HTTP: that is no error of ours."""
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, HttpProcessingError | web.RequestPayloadError)


@web.middleware
async def _limit_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every request has a deadline, and every error is told in JSON."""
    deadline_s = None if request.path in _STREAMS else ANSWER_DEADLINE_S
    try:
        async with asyncio.timeout(deadline_s):
            return await handler(request)
    except (RequestRefused, web.RequestPayloadError) as no:
        return _refuse_busy(no)
    except web.HTTPException as no:
        told = error_response(no.status, _explain_errors(request, no))
        told.headers.extend({k: v for k, v in no.headers.items() if k == "Allow"})
        return told
    except (QueueFull, StoreUnavailable) as no:
        return error_response(503, _cannot_answer(no))
    except TimeoutError:
        return error_response(503, f"no answer within {ANSWER_DEADLINE_S:g} s")
    except ConnectionError:  # the client left; there is nobody to tell
        raise
    except Exception:  # noqa: BLE001 - one bad request must not show its insides
        logger.exception("a request failed: {} {}", request.method, request.path)
        return error_response(500, "the request failed; the sidecar's log says why")


def _refuse_busy(no: RequestRefused | web.RequestPayloadError) -> web.Response:
    if isinstance(no, RequestRefused):
        return error_response(no.status, no.error)
    return error_response(400, "the body is not what its Content-Encoding says")


def _explain_errors(request: web.Request, no: web.HTTPException) -> str:
    match no:
        case web.HTTPNotFound():
            return f"there is nothing at {request.path[:80]}; GET / says what is where"
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(no.allowed_methods))
            return f"{request.method} is not possible here; possible is {allowed}"
        case web.HTTPRequestEntityTooLarge():
            return f"the body is too large; at most {MAX_BODY_BYTES} bytes are read"
        case _:
            return no.reason


def _cannot_answer(no: QueueFull | StoreUnavailable) -> str:
    if isinstance(no, StoreUnavailable):
        return str(no)
    return f"{no}: nothing was changed; try again"


async def _add_zone_header(
    desk: ApiServices, _: web.Request, response: web.StreamResponse
) -> None:
    """Times in answers are UTC; this is the zone in which people are shown them."""
    response.headers[ZONE_HEADER] = desk.state().notify.timezone
