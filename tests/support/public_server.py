"""A server with the public answers, over fakes of the API."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.config.duration import parse_seconds
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.web.routes.acknowledge import NotificationServices
from sidecar.web.server import WebServer
from tests.support.api_services import ApiServiceFakes
from tests.support.page_server import PageServer

START_S = 60.0
CATALOGS = {language: read_catalog(language) for language in LANGUAGES}
"""Read at once: a test's event loop must not read files."""


async def deliver_nothing(channel: str) -> str:
    """The test of a channel, where only ``ops`` exists."""
    if channel != "ops":
        raise LookupError(channel)
    return ""


def find_no_channel(incident: str, token: str) -> None:
    """The channel of a link: no link is valid."""


def notification_services(language: str = "en") -> NotificationServices:
    """Texts in the language; no link is valid."""
    words = CATALOGS[language]
    return NotificationServices(find_no_channel, words, language, deliver_nothing)


def public_server(fakes: ApiServiceFakes, language: str = "en") -> WebServer:
    """A server with a page, on a free port; durations are as in the settings."""
    desk = fakes.without(seconds=parse_seconds, journal=fakes.journal)
    notify = notification_services(language)
    page = PageServer(fakes=fakes).page
    return WebServer(desk, "127.0.0.1", 0, notify=notify, page=page)


@contextmanager
def serve_in_thread(fakes: ApiServiceFakes) -> Iterator[str]:
    """Serve in a thread, for clients that block; yields the address."""
    started, ended = threading.Event(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        server = public_server(fakes)
        await server.start()
        ports.append(server.port)
        started.set()
        await asyncio.to_thread(ended.wait)
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(START_S)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        ended.set()
        thread.join()
