"""The stack's list of containers, and what is known of them from list to list."""

import time
from collections.abc import Mapping

from loguru import logger

from sidecar.core.model.container import Container
from sidecar.core.ports.engine import Connected, Disconnected, EngineEvent
from sidecar.engine.connection import EngineConnection
from sidecar.engine.known_containers import NONE_KNOWN, HeardEvents
from sidecar.engine.listing import Lister
from sidecar.engine.membership import Membership

_LIST_S = 30.0
_LIST_EACH_S = 0.01  # each container of the last list may be inspected


class ContainerList:
    """Reads the list; a container is inspected again where something may be new."""

    def __init__(self, link: EngineConnection, members: Membership) -> None:
        self._link = link
        self._members = members
        self._known, self._count = NONE_KNOWN, 0
        self._heard = HeardEvents()
        self._strangers: Mapping[str, str] = {}

    async def read(self) -> tuple[Container, ...]:
        """All containers of the stack, running or not. EngineError.

        A container without a usable answer has a ``fault``. One whose labels may be
        its image's is left out, and logged once.
        """
        members, earlier = self._members, self._known
        doubted = self._heard.find_doubted(earlier)
        listing = await self._link.ask(
            "list",
            lambda client: Lister(client, members, earlier, doubted).list_containers(),
            _LIST_S + _LIST_EACH_S * self._count,
        )
        self._known, self._count = listing.known, len(listing.ours)
        for container_id, why in listing.strangers.items():
            if self._strangers.get(container_id) != why:
                logger.warning("a container is not taken for one of the stack: {}", why)
        self._strangers = listing.strangers
        return listing.ours

    def admit(self, item: EngineEvent | Connected | Disconnected) -> bool:
        """Is the item of the event stream for the loop? If so, it is noted.

        Events of refused containers are not: there may be many of them.
        """
        if isinstance(item, EngineEvent) and item.container_id in self._strangers:
            return False
        self._heard.note(item, time.monotonic())
        return True
