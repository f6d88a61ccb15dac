"""Heartbeat to an outside service, which alerts a person on silence or on /fail."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from loguru import logger

from sidecar.core.model.notification_settings import HeartbeatSettings
from sidecar.notify.delivery import DeliveryStatus, temporary_failure
from sidecar.notify.http_sender import HttpSender

DEADLINE_S = 10.0


class Heartbeat:
    """Calls one address, as the common dead-man services have it.

    ``trouble`` returns why Sidecar does not work (the loop stalled, the engine is
    lost), or nothing.
    """

    def __init__(
        self,
        settings: HeartbeatSettings,
        trouble: Callable[[], str],
        poster: HttpSender,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._settings = settings
        self._trouble = trouble
        self._poster = poster
        self._deadline_s = deadline_s
        self._error = ""

    async def run(self) -> None:
        """``/start`` once, then at each interval the address or ``/fail``."""
        await self._send("GET", "/start", "")
        while True:
            await asyncio.sleep(self._settings.interval_s)
            trouble = self._trouble()
            if trouble:
                await self._send("POST", "/fail", trouble)
            else:
                await self._send("GET", "", "")

    async def _send(self, method: str, variant: str, body: str) -> None:
        url = _with_path(self._settings.url, variant)
        try:
            async with asyncio.timeout(self._deadline_s):
                result = await self._poster.send(method, url, body.encode(), {})
        except TimeoutError:
            result = temporary_failure(f"no answer within {self._deadline_s:g} s")
        error = "" if result.delivery is DeliveryStatus.DELIVERED else result.error
        if error and error != self._error:
            logger.warning("the heartbeat did not arrive: {}", error)
        elif self._error and not error:
            logger.info("the heartbeat arrives again")
        self._error = error


def _with_path(url: str, variant: str) -> str:
    parts = urlsplit(url)
    if not variant:
        return url
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + variant))
