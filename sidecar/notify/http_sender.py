"""HTTP requests to configured addresses: hooks and the heartbeat."""

from collections.abc import Mapping
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
NOT_SENT = (
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
        self._proxies = environment_proxies() if through_proxy else {}
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
                proxy=proxy_for(url, self._proxies),
                allow_redirects=False,
            ) as answer:
                retry_after = answer.headers.get("Retry-After", "")
                return from_status(answer.status, retry_after)
        except (aiohttp.InvalidURL, ValueError):
            return permanent_failure("its address cannot be used")
        except NOT_SENT as error:
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


def environment_proxies() -> Mapping[str, str]:
    """The proxies that the environment names, by the scheme of an address."""
    return getproxies_environment()


def proxy_for(url: str, proxies: Mapping[str, str]) -> str | None:
    """The proxy for an address; None: connect to it directly."""
    parts = urlsplit(url)
    if not proxies or proxy_bypass(parts.netloc):
        return None
    return proxies.get(parts.scheme)
