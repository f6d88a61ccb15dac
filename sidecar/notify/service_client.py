"""JSON requests to the services of Telegram, ntfy and PagerDuty.

They run in the loop: aiohttp is loaded anyway, a request takes some kilobytes, and each
await has a deadline. A process for each message, as Apprise needs it, would take 50 MB.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import aiohttp
import msgspec

from sidecar.core.text.printable import on_one_line
from sidecar.notify.delivery import (
    DeliveryResult,
    doubtful_failure,
    from_status,
    permanent_failure,
    temporary_failure,
)
from sidecar.notify.http_sender import NOT_SENT, environment_proxies, proxy_for

Mask = Callable[[str], str]

TIMEOUT_S = 25.0
MOST_BYTES = 65_536
_PIECE_BYTES = 16_384
_MOST_DESCRIPTION = 150


class ServiceAnswer(NamedTuple):
    """An answer with status and body; ``is_whole``: the body was within its bound."""

    status: int
    body: bytes
    retry_after: str
    is_whole: bool


class ServiceFailure(Exception):
    """There is no answer; ``result`` says whether the request may have arrived."""

    def __init__(self, result: DeliveryResult) -> None:
        super().__init__(result.error)
        self.result = result


class ServiceClient:
    """Sends requests, and reads answers up to a bound; call ``close`` at the end.

    It uses the environment's proxy and follows no redirect: another server would get
    the secrets. ``mask`` removes secrets from what services say.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._proxies = environment_proxies()
        self._http: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        content: object,
        headers: Mapping[str, str],
        *,
        timeout_s: float = TIMEOUT_S,
        most_bytes: int = MOST_BYTES,
    ) -> ServiceAnswer:
        """POST the content as JSON. Raises ServiceFailure, which shows no address."""
        try:
            async with self._session().post(
                url,
                data=msgspec.json.encode(content),
                headers={"Content-Type": "application/json", **headers},
                proxy=proxy_for(url, self._proxies),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                body, is_whole = await _read(answer, most_bytes)
                retry_after = answer.headers.get("Retry-After", "")
                return ServiceAnswer(answer.status, body, retry_after, is_whole)
        except (aiohttp.InvalidURL, ValueError):
            cannot = permanent_failure("its address or its content cannot be used")
            raise ServiceFailure(cannot) from None
        except NOT_SENT as error:
            raise ServiceFailure(temporary_failure(type(error).__name__)) from None
        except (aiohttp.ClientError, OSError) as error:
            name = type(error).__name__
            raise ServiceFailure(doubtful_failure(name)) from None

    def refusal(
        self, status: int, retry_after: str, description: str
    ) -> DeliveryResult:
        """The result of an answer with an error, in the words of the service."""
        result = from_status(status, retry_after)
        words = self.clean(description)
        return result._replace(error=f"{result.error}: {words}") if words else result

    def clean(self, words: str) -> str:
        """Foreign words for an error: masked, printable, on one line, short."""
        return on_one_line(self._mask(words[:MOST_BYTES]))[:_MOST_DESCRIPTION]

    async def close(self) -> None:
        """Close the session."""
        if self._http is not None:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        """The session; created in the loop that uses it.

        Each request has a connection of its own: a server may close an idle one just
        when it is used again, and then it is not known whether the message arrived.
        Answers are not decompressed: a small one could become a huge one.
        """
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                headers={"Accept-Encoding": "identity", "User-Agent": "sidecar"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._http


def strange_answer(answer: ServiceAnswer, service: str) -> DeliveryResult:
    """The result of a success that is not an answer of the service.

    It may come from a proxy or a login page of a network: the message may have arrived.
    """
    if not answer.is_whole:
        return doubtful_failure(f"the answer of {service} is too long")
    return doubtful_failure(f"HTTP {answer.status}, but no answer of {service}")


async def _read(answer: aiohttp.ClientResponse, most_bytes: int) -> tuple[bytes, bool]:
    """The body up to the bound, and whether that is all of it."""
    body = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
        body += piece
        if len(body) > most_bytes:
            answer.close()
            return b"", False
    return bytes(body), True
