"""The pages for probes and scrapers: unauthenticated, read-only, cheap."""

from aiohttp import web
from msgspec import Struct

from sidecar.core.model.target_state import TargetState
from sidecar.core.text.known_names import list_known
from sidecar.web.query import parse_query
from sidecar.web.response import (
    RequestRefused,
    encode_json,
    json_body_response,
    json_response,
)
from sidecar.web.services import ApiServices
from sidecar.web.shared_answer import SharedAnswer
from sidecar.web.streaming import stream_response
from sidecar.web.target_names import unknown_target
from sidecar.web.views import health, status
from sidecar.web.views.index import index_text


class HealthRoutes:
    """GET /livez /readyz /healthz... /metrics; ``/`` where no page is served."""

    def __init__(self, services: ApiServices, *, has_page: bool = False) -> None:
        self._services = services
        self._has_page = has_page
        self._shared_health = SharedAnswer(self._write_health)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        index = [] if self._has_page else [web.get("/", self._index)]
        return [
            *index,
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/healthz", self._healthz),
            web.get("/healthz/{target}", self._healthz_target),
            web.get("/healthz/{target}/{replica}", self._healthz_replica),
            web.get("/metrics", self._metrics),
        ]

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=index_text(self._services.version))

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer_health(*health.components([self._services.liveness()]))

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer_health(*health.components(self._services.components()))

    async def _healthz(self, _: web.Request) -> web.Response:
        well, body = await self._shared_health.get()
        return json_body_response(body, 200 if well else 503)

    async def _write_health(self) -> tuple[bool, bytes]:
        services = self._services
        views = await services.turns.collect(health.health_of_each(services.state()))
        well, answer = health.health_of_all(views)
        return well, encode_json(answer)

    async def _healthz_target(self, request: web.Request) -> web.Response:
        name, state = request.match_info["target"], self._services.state()
        if _asks_liveness(request):
            answer = health.liveness_of(state, name, self._services.clock.now())
        else:
            answer = health.health_of(state, name)
        if answer is None:
            raise unknown_target(self._services.state(), name)
        return _answer_health(*answer)

    async def _healthz_replica(self, request: web.Request) -> web.Response:
        name, replica = request.match_info["target"], request.match_info["replica"]
        answer = health.health_of_replica(self._services.state(), name, replica)
        drain_status = _parse_drain_status(request)
        if answer is None:
            raise self._unknown_replica(name, replica)
        well, view = answer
        if view.state == TargetState.DRAINING:
            return json_response(view, drain_status)
        return _answer_health(well, view)

    def _unknown_replica(self, name: str, replica: str) -> RequestRefused:
        state = self._services.state()
        if name not in state.targets:
            return unknown_target(state, name)
        hint = list_known(replica, status.replica_names(state, name))
        return RequestRefused(404, f"there is no replica {replica} of {name}; {hint}")

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        accept = ",".join(request.headers.getall("Accept", ()))
        pieces, content_type = await self._services.metrics(accept)
        turns = self._services.turns
        return await stream_response(request, content_type, pieces, turns)


def _asks_liveness(request: web.Request) -> bool:
    """Is the question of a kubelet, which restarts on a 503?"""
    value = parse_query(request, liveness="0")["liveness"]
    if value not in {"0", "1"}:
        raise RequestRefused(400, "liveness is not 0 or 1")
    return value == "1"


def _parse_drain_status(request: web.Request) -> int:
    """The status for a replica that is drained, as the load balancer wants it."""
    value = parse_query(request, drain="503")["drain"]
    if value not in {"404", "503"}:
        raise RequestRefused(400, "drain is not 404 or 503")
    return int(value)


def _answer_health(well: bool, view: Struct) -> web.Response:  # noqa: FBT001 - a view's pair
    return json_response(view, 200 if well else 503)
