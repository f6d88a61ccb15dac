"""HTTP requests to configured addresses: hooks and the heartbeat."""

from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp

from sidecar.notify.delivery import (
    DeliveryResult,
    doubtful_failure,
    from_status,
    permanent_failure,
    temporary_failure,
)

_MAX_WAIT_S = 30.0
_NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)
"""No connection: the request cannot have arrived."""


class HttpSender:
    """Sends requests, each over its own connection; call ``close`` at the end.

    ``through_proxy``: use the environment's proxy, for outside addresses.
    """

    def __init__(self, *, through_proxy: bool = False) -> None:
        self._proxies = getproxies_environment() if through_proxy else {}
        self._http: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, body: bytes, headers: dict[str, str]
    ) -> DeliveryResult:
        """Send one request; errors never show the address."""
        try:
            async with self._session().request(
                method,
                url,
                data=body,
                headers=headers,
                proxy=self._proxy_for(url),
                allow_redirects=False,
            ) as answer:
                retry_after = answer.headers.get("Retry-After", "")
                return from_status(answer.status, retry_after)
        except (aiohttp.InvalidURL, ValueError):
            return permanent_failure("its address cannot be used")
        except _NOT_SENT as error:
            return temporary_failure(type(error).__name__)
        except (aiohttp.ClientError, OSError) as error:
            return doubtful_failure(type(error).__name__)

    async def close(self) -> None:
        """Close the session."""
        if self._http is not None:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        """The session; created in the loop that uses it."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=_MAX_WAIT_S),
            )
        return self._http

    def _proxy_for(self, url: str) -> str | None:
        parts = urlsplit(url)
        if not self._proxies or proxy_bypass(parts.netloc):
            return None
        return self._proxies.get(parts.scheme)
