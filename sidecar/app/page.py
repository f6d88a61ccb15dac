"""The status page of one running sidecar."""

from collections.abc import Callable, Mapping

from sidecar.config.settings import Settings
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.reason import Reason
from sidecar.notify.message_catalog import MessageCatalog
from sidecar.web.page_feed import PageFeed
from sidecar.web.page_services import PageServices, make_page_services
from sidecar.web.views.page_snapshot import snapshot_writer


def build_page(
    settings: Callable[[], Settings],
    languages: Mapping[str, MessageCatalog],
    state: Callable[[], State],
    clock: Clock,
) -> PageServices:
    """The services of the page; settings and state are read at each request."""

    def write_reason(language: str, reason: Reason) -> str:
        return languages[language].write_reason(reason)

    return make_page_services(
        clock,
        lambda: settings().page,
        lambda: settings().language,
        write_reason,
        PageFeed(snapshot_writer(write_reason), state, clock),
    )
