"""May a request change something, and read what is private?"""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from sidecar.web.connection import connection_of
from sidecar.web.response import RequestRefused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_authorised(request: web.Request, token: str | None) -> bool:
    """Does the request come over the control socket, or carry the token?"""
    connection = connection_of(request.transport)
    is_local = connection is not None and connection.is_authorised
    return is_local or _has_token(request, token)


def _has_token(request: web.Request, token: str | None) -> bool:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return is_token(credentials.strip(), token) and scheme.lower() == "bearer"


def is_token(text: str, token: str | None) -> bool:
    """Is the text the token? Never, where none is configured."""
    return bool(token) and hmac.compare_digest(_to_bytes(text), _to_bytes(token or ""))


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def require_authorisation(token: str | None, handler: Handler) -> Handler:
    """The handler, for requests over the control socket or with the token.

    Without a configured token, requests over the port are refused.
    """

    async def handle_if_authorised(request: web.Request) -> web.StreamResponse:
        if is_authorised(request, token):
            return await handler(request)
        if not token:
            raise RequestRefused(
                403,
                "control over HTTP is disabled: run the command in the sidecar's "
                "container (docker exec), or set SIDECAR_API_TOKEN",
            )
        raise RequestRefused(
            401,
            "the token is missing or wrong: send that of SIDECAR_API_TOKEN, "
            "as Authorization: Bearer TOKEN (sidecar --token-file FILE)",
        )

    return handle_if_authorised
