"""Services of the page's routes beside ApiServices."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from sidecar.core.model.page_access import PageAccess
from sidecar.core.ports.loop import Clock
from sidecar.web.page.languages import choose_language
from sidecar.web.page.loader import PageLoader
from sidecar.web.page_feed import PageFeed
from sidecar.web.response import RequestRefused
from sidecar.web.session import Sessions
from sidecar.web.sign_in_limit import SignInLimit

PageHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class PageServices:
    """All calls return at once.

    ``access`` and ``language`` are the settings in force, which a reload may change.
    ``loader`` makes what the page shows.
    """

    access: Callable[[], PageAccess]
    language: Callable[[], str]
    loader: PageLoader
    feed: PageFeed
    sessions: Sessions
    sign_in_limit: SignInLimit = field(repr=False)

    def language_of(self, request: web.BaseRequest) -> str:
        """The language that the request names (``lang``), else one that it accepts,
        else that of the settings.
        """
        accepted = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
        return choose_language(request.query.get("lang"), accepted, self.language())


def make_page_services(
    clock: Clock,
    access: Callable[[], PageAccess],
    language: Callable[[], str],
    loader: PageLoader,
    feed: PageFeed,
) -> PageServices:
    """The services, with no session open yet."""
    sessions, limit = Sessions(clock), SignInLimit(clock)
    return PageServices(access, language, loader, feed, sessions, limit)


def if_page_is_on(services: PageServices, handler: PageHandler) -> PageHandler:
    """The handler; 404 where the settings have no page."""

    async def handle_if_on(request: web.Request) -> web.StreamResponse:
        if services.access() is PageAccess.OFF:
            raise RequestRefused(
                404, "there is no status page: SIDECAR_PAGE is off; the API is on"
            )
        return await handler(request)

    return handle_if_on


def has_sign_in_link(services: PageServices, token: str | None) -> bool:
    """Does the page show a visitor the way to the sign-in?"""
    return services.access() is PageAccess.PRIVATE and bool(token)
