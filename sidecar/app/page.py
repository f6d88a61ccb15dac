"""The status page of one running sidecar, with texts from the messages' catalogues."""

from collections.abc import Callable

from sidecar.app.contexts import EngineContext, MessageContext
from sidecar.config.settings import Settings
from sidecar.core.ports.page_texts import LanguageTexts
from sidecar.notify.incident_writer import IncidentWriter
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import read_page_catalog
from sidecar.web.page.loader import PageLoader
from sidecar.web.page.sources import PageSources
from sidecar.web.page_feed import PageFeed
from sidecar.web.page_services import PageServices, make_page_services
from sidecar.web.services import ApiServices


def build_page(
    settings: Callable[[], Settings],
    services: ApiServices,
    feed: PageFeed,
    sources: PageSources,
) -> PageServices:
    """The services of the page; settings are read at each request."""
    loader = PageLoader(services, sources)
    return make_page_services(
        services.clock,
        lambda: settings().page,
        lambda: settings().language,
        loader,
        feed,
    )


def make_installation(texts: MessageContext, context: EngineContext) -> Installation:
    """This sidecar's location, as messages and the page name it."""
    return Installation(
        context.stack,
        texts.host,
        context.own_name,
        texts.takes_orders,
        service=context.own_service,
        state_dir=str(texts.state_dir),
    )


def page_texts_reader(
    texts: MessageContext, context: EngineContext
) -> Callable[[str], LanguageTexts]:
    """A function that reads the page's texts of a language; it reads files."""
    installation = make_installation(texts, context)

    def read(language: str) -> LanguageTexts:
        words = read_page_catalog(language)
        writer = IncidentWriter(words, texts.zone, installation)
        return LanguageTexts(words, writer, texts.zone)

    return read
