"""Answers and refusals, always JSON."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from sidecar.api_types.health import ErrorAnswer
from sidecar.core.text.printable import on_one_line


class RequestRefused(Exception):
    """A refused request; ``error`` tells the client why."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


def json_response(value: msgspec.Struct, status: int = 200) -> web.Response:
    """A JSON response that nobody may cache."""
    return web.Response(
        body=msgspec.json.encode(value, enc_hook=_without_nesting),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )


def error_response(status: int, error: str) -> web.Response:
    """A JSON response with an error, which may quote the request."""
    return json_response(ErrorAnswer(error=on_one_line(error)), status)


def _without_nesting(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
