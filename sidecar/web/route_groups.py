"""The routes of the API and of the status page, with their pools of listeners."""

from collections.abc import Iterator

from aiohttp import web

from sidecar.web.connection_limits import Limits
from sidecar.web.listener_pool import ListenerPool
from sidecar.web.page_services import PageServices
from sidecar.web.report_source import ReportSource
from sidecar.web.routes.backups import BackupRoutes
from sidecar.web.routes.control import ControlRoutes
from sidecar.web.routes.drills import DrillRoutes
from sidecar.web.routes.explain import ExplainRoutes
from sidecar.web.routes.health import HealthRoutes
from sidecar.web.routes.history import HistoryRoutes
from sidecar.web.routes.incidents import IncidentRoutes
from sidecar.web.routes.logs import LogRoutes
from sidecar.web.routes.maintenance import MaintenanceRoutes
from sidecar.web.routes.openapi import OpenApiRoutes
from sidecar.web.routes.page import PageRoutes
from sidecar.web.routes.page_orders import PageOrderRoutes
from sidecar.web.routes.sign_in import SignInRoutes
from sidecar.web.routes.status import StatusRoutes
from sidecar.web.routes.status_page import StatusPageRoutes
from sidecar.web.services import ApiServices


def api_routes(
    services: ApiServices, reports: ReportSource, limits: Limits, *, has_page: bool
) -> Iterator[web.RouteDef]:
    """The routes of the API; ``has_page``: the status page is at ``/``."""
    listeners = ListenerPool(limits.event_listeners)
    yield from HealthRoutes(services, has_page=has_page).routes()
    yield from StatusRoutes(services, listeners, limits.heartbeat_s).routes()
    yield from ExplainRoutes(services).routes()
    yield from IncidentRoutes(services).routes()
    yield from HistoryRoutes(services, reports).routes()
    yield from ControlRoutes(services).routes()
    yield from MaintenanceRoutes(services).routes()
    yield from DrillRoutes(services).routes()
    yield from LogRoutes(services).routes()
    yield from BackupRoutes(services).routes()
    yield from OpenApiRoutes(services).routes()


def page_routes(
    services: ApiServices, page: PageServices, limits: Limits
) -> Iterator[web.RouteDef]:
    """The routes of the status page."""
    visitors = ListenerPool(limits.page_visitors)
    operators = ListenerPool(limits.page_operators)
    yield from StatusPageRoutes(services, page).routes()
    yield from PageRoutes(page, visitors, operators, limits.heartbeat_s).routes()
    yield from SignInRoutes(services, page).routes()
    yield from PageOrderRoutes(services, page).routes()
