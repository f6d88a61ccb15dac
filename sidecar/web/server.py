"""The HTTP server."""

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from aiohttp import web, web_server
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from loguru import logger

from sidecar.core.ports.loop import QueueFull
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.text.formatting import ZONE_HEADER
from sidecar.web.connection import SOCKET_BUFFER_BYTES, Connection, connection_of
from sidecar.web.connection_limits import ConnectionLimits, Limits
from sidecar.web.control_socket import ControlSocket
from sidecar.web.page_services import PageServices
from sidecar.web.report_source import ReportParts, ReportSource
from sidecar.web.response import RequestRefused, error_response, refusal_response
from sidecar.web.route_groups import api_routes, page_routes
from sidecar.web.routes.acknowledge import NotificationRoutes, NotificationServices
from sidecar.web.routes.logs import PATH as LOGS_PATH
from sidecar.web.routes.public import PublicRoutes
from sidecar.web.services import ApiServices
from sidecar.web.streaming import stream_body

ANSWER_DEADLINE_S = 15.0
MAX_BODY_BYTES = Limits().body_bytes
ONE_PIECE_BYTES = 32 * 1024
"""Larger answers are sent in pieces of that size, each with its own deadline."""

LINE_BYTES = 8190
ACCEPTED_AT_ONCE = 8
"""Per turn of the event loop: so a client is read before many others are accepted."""

WAITING_CONNECTIONS = 512
"""Backlog of the kernel: connections that are not accepted yet."""

CLIENT_GONE_MS = 30_000
"""A client whose host confirms nothing for that time is gone: a phone that was switched
off would hold its place among the listeners for a quarter of an hour."""

SHUTDOWN_S = 1.0
_STREAMS = frozenset({"/", "/api/v1/events", "/metrics", "/page/stream"})
"""Paths whose answers have a deadline per piece, as have those of LOGS_PATH."""


class WebServer:
    """Serves the API on ``host``:``port``; port 0 takes a free one.

    ``notify`` adds the pages for acknowledgements, the feed and the badges; ``page``
    adds the status page. ``limits`` bounds connections in number and in time.
    """

    def __init__(
        self,
        services: ApiServices,
        host: str,
        port: int,
        *,
        notify: NotificationServices | None = None,
        page: PageServices | None = None,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
    ) -> None:
        limits = _limit_load(limits)
        self._connection_limits = ConnectionLimits(limits)
        app = web.Application(
            middlewares=[self._track_answer, _limit_time],
            client_max_size=limits.body_bytes,
        )
        app.on_response_prepare.append(partial(_add_zone_header, services))
        reports = ReportSource(
            ReportParts(services.clock, services.state, services.journal)
        )
        has_page = page is not None
        app.add_routes(api_routes(services, reports, limits, has_page=has_page))
        if notify is not None:
            app.add_routes(NotificationRoutes(services, notify).routes())
            public = PublicRoutes(services, notify, reports)
            app.add_routes(public.routes())
            app.on_cleanup.append(public.close)
        if page is not None:
            app.add_routes(page_routes(services, page, limits))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_server_logger(),
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_S,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
            read_bufsize=limits.body_bytes,
            lingering_time=limits.head_s,
        )
        self._listener: asyncio.Server | None = None
        self._control: ControlSocket | None = None
        self._host = host
        self._port = port

    def use_control_socket(self, state_dir: Path) -> None:
        """Listen at the control socket in ``state_dir``, too; call it before start."""
        self._control = ControlSocket(state_dir)

    async def start(self) -> None:
        """Listen; OSError where the address is taken or not ours."""
        await self._runner.setup()
        try:
            self._listener = await self._listen()
        except OSError:
            await self._runner.cleanup()
            raise
        if self._control is not None:
            await self._control.start(self._inner)

    @property
    def _inner(self) -> web_server.Server:
        """The server's own protocol, once the application is set up."""
        inner = self._runner.server
        assert inner is not None
        return inner

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Connection(self._connection_limits, self._inner),
            self._host,
            self._port,
            start_serving=False,
            backlog=ACCEPTED_AT_ONCE,
        )
        for listening in listener.sockets:
            # Connections inherit it: what the kernel holds for them is bounded, too.
            for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                listening.setsockopt(socket.SOL_SOCKET, buffer, SOCKET_BUFFER_BYTES)
            listening.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, CLIENT_GONE_MS
            )
        await listener.start_serving()
        for listening in listener.sockets:
            with listening.dup() as same:
                same.listen(WAITING_CONNECTIONS)
        return listener

    async def stop(self) -> None:
        """Stop listening and close all connections, within about SHUTDOWN_S."""
        if self._listener is not None:
            self._listener.close()
        if self._control is not None:
            await self._control.stop()
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port listened on."""
        for listening in self._listener.sockets if self._listener else ():
            return int(listening.getsockname()[1])
        return self._port

    @property
    def routes(self) -> frozenset[tuple[str, str]]:
        """Method and path of every route."""
        return frozenset(
            (route.method, route.resource.canonical)
            for route in self._runner.app.router.routes()
            if route.resource is not None
        )

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return self._connection_limits.open_connections

    @web.middleware
    async def _track_answer(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Count the request as being answered, and send a large answer in pieces."""
        with _mark_serving(request):
            response = await handler(request)
            body = response.body if isinstance(response, web.Response) else None
            if not isinstance(body, bytes) or len(body) <= ONE_PIECE_BYTES:
                return response
            with self._connection_limits.reserve(body) as is_reserved:
                if not is_reserved:
                    return error_response(
                        503, "too many large answers are sent: ask later"
                    )
                return await stream_body(request, response, body, ONE_PIECE_BYTES)


@contextmanager
def _mark_serving(request: web.Request) -> Iterator[None]:
    connection = connection_of(request.transport)
    if connection is None:
        yield
        return
    with connection.mark_serving():
        yield


def _limit_load(limits: Limits) -> Limits:
    """Fit the limits to the open files: other parts of the sidecar need some."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return limits
    return limits._replace(
        waiting=min(limits.waiting, allowed // 4),
        page_visitors=min(limits.page_visitors, allowed // 4),
    )


def _server_logger() -> logging.Logger:
    log = logging.getLogger("sidecar.web")
    if _drop_parser_log not in log.filters:
        log.addFilter(_drop_parser_log)
    return log


def _drop_parser_log(record: logging.LogRecord) -> bool:
    """Drop errors about input that is no HTTP: they are no fault of ours."""
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, HttpProcessingError | web.RequestPayloadError)


@web.middleware
async def _limit_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request a deadline, and answer every error in JSON."""
    is_stream = request.path in _STREAMS or request.path.startswith(LOGS_PATH)
    deadline_s = None if is_stream else ANSWER_DEADLINE_S
    try:
        async with asyncio.timeout(deadline_s):
            return await handler(request)
    except (RequestRefused, web.RequestPayloadError) as error:
        return _answer_refusal(error)
    except web.HTTPException as error:
        response = error_response(error.status, _explain_http_error(request, error))
        response.headers.extend(
            {k: v for k, v in error.headers.items() if k == "Allow"}
        )
        return response
    except (QueueFull, StoreUnavailable) as error:
        return error_response(503, _explain_unavailable(error))
    except TimeoutError:
        return error_response(503, f"no answer within {ANSWER_DEADLINE_S:g} s")
    except ConnectionError:  # the client left: nobody reads an answer
        raise
    except Exception:  # noqa: BLE001 - an answer must not show internals
        logger.exception("a request failed: {} {}", request.method, request.path)
        return error_response(500, "the request failed; the sidecar's log says why")


def _answer_refusal(error: RequestRefused | web.RequestPayloadError) -> web.Response:
    if isinstance(error, RequestRefused):
        return refusal_response(error)
    return error_response(400, "the body is not what its Content-Encoding says")


def _explain_http_error(request: web.Request, error: web.HTTPException) -> str:
    match error:
        case web.HTTPNotFound():
            return f"there is nothing at {request.path[:80]}; GET / says what is where"
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return f"{request.method} is not possible here; possible is {allowed}"
        case web.HTTPRequestEntityTooLarge():
            return f"the body is too large; at most {MAX_BODY_BYTES} bytes are read"
        case _:
            return error.reason


def _explain_unavailable(error: QueueFull | StoreUnavailable) -> str:
    if isinstance(error, StoreUnavailable):
        return str(error)
    return f"{error}: nothing was changed; try again"


async def _add_zone_header(
    services: ApiServices, _: web.Request, response: web.StreamResponse
) -> None:
    """Name the zone for display; times in answers are UTC."""
    response.headers[ZONE_HEADER] = services.state().notify.timezone
