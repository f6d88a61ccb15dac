"""The API's status, schedule and event stream."""

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import chain

import msgspec
from aiohttp import hdrs, web

from sidecar.core.ports.loop import PlannedTime
from sidecar.web.event_stream import (
    HEARTBEAT,
    STREAM_BEGIN,
    STREAM_HEADERS,
    encode_event,
)
from sidecar.web.listener_pool import ListenerPool
from sidecar.web.query import parse_query
from sidecar.web.response import (
    RequestRefused,
    encode_json,
    json_body_response,
    json_response,
)
from sidecar.web.services import ApiServices
from sidecar.web.shared_answer import SharedAnswer
from sidecar.web.streaming import write_chunk
from sidecar.web.views import forecast, health, status, traefik

DEFAULT_PLANNED, MAX_PLANNED = 5, 100
TURN_TIMES = 500
"""Times of schedules that are worked out before others get their turn."""

Planned = tuple[PlannedTime, ...]
_COUNT = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,18}")


class StatusRoutes:
    """GET /api/v1/status, schedule, forecast, balancer/traefik and events."""

    def __init__(
        self, services: ApiServices, listeners: ListenerPool, heartbeat_s: float
    ) -> None:
        self._services = services
        self._listeners = listeners
        self._heartbeat_s = heartbeat_s
        self._shared_status = SharedAnswer(self._write_status)
        self._shared_forecast = SharedAnswer(self._write_forecast)
        self._shared_servers = SharedAnswer(self._write_servers)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/api/v1/status", self._status),
            web.get("/api/v1/schedule", self._schedule),
            web.get("/api/v1/forecast", self._forecast),
            web.get("/api/v1/balancer/traefik", self._traefik),
            web.get("/api/v1/events", self._events),
        ]

    async def _status(self, _: web.Request) -> web.Response:
        return json_body_response(await self._shared_status.get())

    async def _write_status(self) -> bytes:
        services = self._services
        planned = await self._planned_by_target(DEFAULT_PLANNED)
        state, now = services.state(), services.clock.now()
        ready, _parts = health.components(services.components())
        answer = status.status(
            state,
            now,
            version=services.version,
            stack=services.stack,
            ready=ready,
            targets=await services.turns.collect(
                status.target_statuses(state, now, planned)
            ),
        )
        return encode_json(answer)

    async def _planned_by_target(self, count: int) -> dict[str, Planned]:
        """The next times of each target with a schedule, in turns: each costs."""
        times = self._services.schedule.upcoming_by_target(count)
        size = max(1, TURN_TIMES // count)
        in_turns = self._services.turns.iterate(times, size)
        return {each[0].target: each async for each in in_turns if each}

    async def _schedule(self, request: web.Request) -> web.Response:
        count = parse_query(request, count=str(DEFAULT_PLANNED))["count"]
        if _COUNT.fullmatch(count) is None or not 0 < int(count) <= MAX_PLANNED:
            raise RequestRefused(
                400, f"count={count[:20]}: give a number from 1 to {MAX_PLANNED}"
            )
        by_target = await self._planned_by_target(int(count))
        planned = chain.from_iterable(by_target.values())
        return json_response(
            status.schedule(sorted(planned, key=lambda time: time.at_wall))
        )

    async def _forecast(self, request: web.Request) -> web.Response:
        parse_query(request)
        return json_body_response(await self._shared_forecast.get())

    async def _write_forecast(self) -> bytes:
        services = self._services
        state, now = services.state(), services.clock.now()
        targets = await services.turns.collect(forecast.target_memories(state, now))
        return encode_json(forecast.show_forecasts(targets, now))

    async def _traefik(self, request: web.Request) -> web.Response:
        network = parse_query(request, network="")["network"]
        return json_body_response(await self._shared_servers.get(network))

    async def _write_servers(self, network: str) -> bytes:
        served = traefik.traefik_services(self._services.state(), network)
        services = await self._services.turns.collect(served)
        return encode_json(traefik.traefik_configuration(services))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=STREAM_HEADERS)
        with self._listeners.join(request):
            return await self._stream(request)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        records = self._services.feed.listen(_last_number(request))
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(request)
        chunk: bytes | None = STREAM_BEGIN
        while chunk is not None and await write_chunk(request, response, chunk):
            chunk = await self._next_chunk(records)
        return response

    async def _next_chunk(
        self, records: AsyncIterator[dict[str, object]]
    ) -> bytes | None:
        """A record, a comment as sign of life when there is none; None at the end."""
        try:
            async with asyncio.timeout(self._heartbeat_s):
                record = await anext(records)
        except TimeoutError:
            return HEARTBEAT
        except StopAsyncIteration:
            return None
        data = msgspec.json.encode(record)
        return encode_event(str(record["type"]), str(record["number"]), data)


def _last_number(request: web.Request) -> int | None:
    """The number of the last record that a client has; None: it begins anew.

    A number that cannot be read is that of no record: 0, so that the gap is reported.
    """
    last_id = request.headers.get("Last-Event-ID")
    if last_id is None:
        return None
    return int(last_id) if _NUMBER.fullmatch(last_id) is not None else 0
