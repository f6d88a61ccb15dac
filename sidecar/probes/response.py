"""What comes back over a connection, into one HTTP answer. Pure: bytes in.

A probe asks once and has the connection closed: an answer ends by its length, by its
last chunk, or with the connection.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

BODY_LIMIT_BYTES = 65536
HEAD_LIMIT_BYTES = 32768

_START = b"HTTP/1."
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] +([1-9][0-9]{2})(?: .*)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")
_CHUNK_LINE_LIMIT_BYTES = 1024
_NO_TYPE = b"application/octet-stream"
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Answer(NamedTuple):
    """What the server said; ``body`` are its first bytes, ``cut``: there are more.

    ``headers`` have small names.
    """

    status: int
    content_type: str
    body: bytes
    cut: bool
    headers: Mapping[bytes, bytes] = MappingProxyType({})


class NotHttp(Exception):
    """What came is no answer in HTTP."""


class BrokenOff(Exception):
    """The connection ended before the answer did."""


class _Head(NamedTuple):
    """``length``: None where the body ends with its last chunk or the connection."""

    status: int
    content_type: str
    length: int | None
    chunked: bool
    headers: Mapping[bytes, bytes]


class ResponseReader:
    """Takes the bytes as they come, until there is an answer.

    ``body_limit_bytes``: so much of its body is kept.
    """

    def __init__(self, body_limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self._limit_bytes = body_limit_bytes
        self._raw = bytearray()
        self._head: _Head | None = None
        self._body = bytearray()
        self._chunk_left = 0

    def feed(self, data: bytes) -> Answer | None:
        """More of it; the answer once it is whole, or over the limit. NotHttp."""
        self._raw += data
        head = self._head = self._head or self._read_head()
        if head is None:
            return None
        whole = self._read_chunks() if head.chunked else self._read_plain(head.length)
        too_large = len(self._body) > self._limit_bytes
        return self._answer(head) if whole or too_large else None

    def end(self) -> Answer:
        """The connection ended: the answer, where that is its end too. BrokenOff."""
        head = self._head
        if head is None or head.chunked or head.length is not None:
            raise BrokenOff
        return self._answer(head)

    def _answer(self, head: _Head) -> Answer:
        body = bytes(self._body[: self._limit_bytes])
        cut = len(self._body) > self._limit_bytes
        return Answer(head.status, head.content_type, body, cut, head.headers)

    def _read_head(self) -> _Head | None:
        """The first head that does not merely ask for patience (1xx)."""
        while (end := _HEAD_END.search(self._raw)) is not None:
            head = _head_of(bytes(self._raw[: end.start()]))
            del self._raw[: end.end()]
            if head.status >= HTTPStatus.OK:
                return head
        begins_well = self._raw.startswith(_START[: len(self._raw)])
        if not begins_well or len(self._raw) > HEAD_LIMIT_BYTES:
            raise NotHttp
        return None

    def _read_plain(self, length: int | None) -> bool:
        """Move what came into the body; is it whole?"""
        self._body += self._raw
        self._raw.clear()
        if length is None:
            return False
        del self._body[length:]
        return len(self._body) == length

    def _read_chunks(self) -> bool:
        """Move what came of each chunk into the body; was it the last one?"""
        while self._raw:
            if self._chunk_left:
                piece = self._raw[: self._chunk_left]
                del self._raw[: len(piece)]
                self._body += piece
                self._chunk_left -= len(piece)
                continue
            line, found, rest = self._raw.partition(b"\n")
            if not found:
                if len(line) > _CHUNK_LINE_LIMIT_BYTES:
                    raise NotHttp
                return False
            self._raw = rest
            if line.strip() and self._begins_chunk(bytes(line.strip())) == 0:
                return True
        return False

    def _begins_chunk(self, line: bytes) -> int:
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise NotHttp
        self._chunk_left = int(size[1], 16)
        return self._chunk_left


def _head_of(raw: bytes) -> _Head:
    first, *lines = raw.split(b"\n")
    status_line = _STATUS_LINE.fullmatch(first.rstrip())
    if status_line is None:
        raise NotHttp
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise NotHttp
        headers[name.strip().lower()] = value.strip()
    status = int(status_line[1])
    media_type = headers.get(b"content-type", _NO_TYPE).partition(b";")[0]
    return _Head(
        status,
        media_type.strip().lower().decode("latin-1"),
        0 if status in _BODILESS else _length_of(headers),
        b"chunked" in headers.get(b"transfer-encoding", b"").lower(),
        headers,
    )


def _length_of(headers: dict[bytes, bytes]) -> int | None:
    said = headers.get(b"content-length")
    if said is None:
        return None
    if _LENGTH.fullmatch(said) is None:
        raise NotHttp
    return int(said)
