"""The pages for probes and scrapers: unauthenticated, read-only, cheap."""

from aiohttp import web
from msgspec import Struct

from sidecar.core.text.known_names import list_known
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.streaming import stream_response
from sidecar.web.target_names import unknown_target
from sidecar.web.views import health, status

_INDEX = """\
sidecar {version}

/livez                      is this process alive?
/readyz                     does everything of it work?
/healthz                    do all targets work?
/healthz/TARGET[/REPLICA]   does this one?
/metrics                    Prometheus
/api/v1/status              everything at a glance
/api/v1/explain/TARGET      which guards object, and what the next failure leads to
/api/v1/schedule            planned restarts
/api/v1/incidents           what went wrong; /ID and /ID/postmortem for one
/api/v1/history             what happened
/api/v1/remedies            which remedies helped against what
/api/v1/report              availability, outages, restarts
/api/v1/events              what happens, as server-sent events
/api/v1/logs/TARGET         its log, for authorised requests
/api/v2/summary.json        the status in the shape of Statuspage; status.json
/feed.atom                  incidents and planned restarts, as a feed
/badge/TARGET/state.svg     a picture; /badge/TARGET/availability/30d.svg
/openapi.json               the description of this API
"""


class HealthRoutes:
    """GET / /livez /readyz /healthz... /metrics."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/", self._index),
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/healthz", self._healthz),
            web.get("/healthz/{target}", self._healthz_target),
            web.get("/healthz/{target}/{replica}", self._healthz_replica),
            web.get("/metrics", self._metrics),
        ]

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX.format(version=self._services.version))

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer_health(*health.components([self._services.liveness()]))

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer_health(*health.components(self._services.components()))

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer_health(*health.health_of_all(self._services.state()))

    async def _healthz_target(self, request: web.Request) -> web.Response:
        name = request.match_info["target"]
        answer = health.health_of(self._services.state(), name)
        if answer is None:
            raise unknown_target(self._services.state(), name)
        return _answer_health(*answer)

    async def _healthz_replica(self, request: web.Request) -> web.Response:
        name, replica = request.match_info["target"], request.match_info["replica"]
        answer = health.health_of_replica(self._services.state(), name, replica)
        if answer is None:
            raise self._unknown_replica(name, replica)
        return _answer_health(*answer)

    def _unknown_replica(self, name: str, replica: str) -> RequestRefused:
        state = self._services.state()
        if name not in state.targets:
            return unknown_target(state, name)
        hint = list_known(replica, status.replica_names(state, name))
        return RequestRefused(404, f"there is no replica {replica} of {name}; {hint}")

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        accept = ",".join(request.headers.getall("Accept", ()))
        pieces, content_type = await self._services.metrics(accept)
        return await stream_response(request, content_type, pieces)


def _answer_health(well: bool, view: Struct) -> web.Response:  # noqa: FBT001 - a view's pair
    return json_response(view, 200 if well else 503)
