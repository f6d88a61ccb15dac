"""Received bytes of a connection into one HTTP answer.

A probe sends one request per connection: an answer ends by its length, by its last
chunk, or with the connection. aiohttp's parser reads it; this module limits the bytes
of the body and the bytes in total.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_exceptions import ClientError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpResponseParser, RawResponseMessage
from aiohttp.streams import StreamReader

BODY_LIMIT_BYTES = 65536
HEAD_LIMIT_BYTES = 32768
OVERHEAD = 8
"""The maximum ratio of all bytes to the body limit: chunks of one byte take six."""

_LINE_BYTES = 8190
_READ_BYTES = 65536
_START = b"HTTP/1."
_NO_TYPE = "application/octet-stream"


class HttpResponse(NamedTuple):
    """The answer; ``body`` is the first part of its body, ``cut``: there was more.

    Names in ``headers`` are in lower case.
    """

    status: int
    content_type: str
    body: bytes
    cut: bool
    headers: Mapping[bytes, bytes] = MappingProxyType({})


class NotHttp(Exception):
    """The received bytes are no HTTP answer, or do not end."""


class ConnectionClosedEarly(Exception):
    """The connection ended before the answer did."""


class _NoPause(BaseProtocol):
    """A protocol that the parser cannot pause: data is read at once, and limited."""

    def pause_reading(self) -> None:  # type: ignore[explicit-override]
        """Do nothing."""

    def resume_reading(  # type: ignore[explicit-override]
        self,
        resume_parser: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        """Do nothing."""


class ResponseReader:
    """Parses bytes as they arrive, until there is an answer.

    ``body_limit_bytes``: the part of its body that is kept.
    """

    def __init__(self, body_limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self._limit = body_limit_bytes
        loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(
            _NoPause(loop),
            loop,
            _READ_BYTES,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            payload_exception=ClientError,
            read_until_eof=True,
            auto_decompress=False,
        )
        self._start = b""
        self._all_bytes = 0
        self._head: RawResponseMessage | None = None
        self._payload: StreamReader | None = None
        self._body = bytearray()

    def feed(self, data: bytes) -> HttpResponse | None:
        """Add bytes; returns the answer once complete or over the limit. NotHttp."""
        self._count(data)
        try:
            messages, _, _ = self._parser.feed_data(data)
        except HttpProcessingError as error:
            raise NotHttp from error
        for message, payload in messages:
            # A status below 200 is provisional.
            if self._head is None and message.code >= HTTPStatus.OK:
                self._head, self._payload = message, payload
        return self._answer() if self._is_whole() else None

    def end(self) -> HttpResponse:
        """The answer, if the end of the connection completes it.

        Raises ConnectionClosedEarly.
        """
        try:
            self._parser.feed_eof()
            whole = self._is_whole()
        except (HttpProcessingError, ClientError, NotHttp) as error:
            raise ConnectionClosedEarly from error
        if not whole:
            raise ConnectionClosedEarly
        return self._answer()

    def _count(self, data: bytes) -> None:
        if len(self._start) < len(_START):
            self._start += data[: len(_START) - len(self._start)]
            if not _START.startswith(self._start):
                raise NotHttp
        self._all_bytes += len(data)
        head_only = self._head is None
        most = HEAD_LIMIT_BYTES if head_only else self._limit * OVERHEAD
        if self._all_bytes > most + _READ_BYTES:
            raise NotHttp

    def _is_whole(self) -> bool:
        payload = self._payload
        if payload is None:
            return False
        error = payload.exception()
        if error is not None:
            raise NotHttp from error
        self._body += payload.read_nowait()
        return payload.is_eof() or len(self._body) > self._limit

    def _answer(self) -> HttpResponse:
        assert self._head is not None
        type_header = self._head.headers.get("Content-Type", _NO_TYPE)
        media_type = type_header.partition(";")[0].strip().lower()
        cut = len(self._body) > self._limit
        body = bytes(self._body[: self._limit])
        headers = {name.lower(): value for name, value in self._head.raw_headers}
        return HttpResponse(self._head.code, media_type, body, cut, headers)
