"""Does a request carry the API token?"""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from sidecar.web.response import RequestRefused

Handler = Callable[[web.Request], Awaitable[web.Response]]


def has_token(request: web.Request, token: str | None) -> bool:
    """Does the request carry the token? Never, where none is configured."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return is_token(credentials.strip(), token) and scheme.lower() == "bearer"


def is_token(text: str, token: str | None) -> bool:
    """Is the text the token? Never, where none is configured."""
    return bool(token) and hmac.compare_digest(_to_bytes(text), _to_bytes(token or ""))


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def require_token(token: str | None, handler: Handler) -> Handler:
    """The handler, for requests with the token; where none is set, for nobody."""

    async def handle_with_token(request: web.Request) -> web.Response:
        if not token:
            raise RequestRefused(
                403, "control is disabled: set SIDECAR_API_TOKEN to enable it"
            )
        if not has_token(request, token):
            raise RequestRefused(
                401,
                "the token is missing or wrong: send that of SIDECAR_API_TOKEN, "
                "as Authorization: Bearer TOKEN (sidecar --token-file FILE)",
            )
        return await handler(request)

    return handle_with_token
