"""Answers that are sent in pieces."""

import asyncio
from collections.abc import Iterable

from aiohttp import hdrs, web
from loguru import logger

from sidecar.web.turns import Turns

WRITE_DEADLINE_S = 10.0


async def write_chunk(
    request: web.Request, response: web.StreamResponse, chunk: bytes
) -> bool:
    """Write a chunk; False: the client does not read, and was cut off."""
    try:
        async with asyncio.timeout(WRITE_DEADLINE_S):
            await response.write(chunk)
            # write() alone waits only after 64 kB that were not sent.
            await request.writer.drain()
    except TimeoutError:
        _cut_off(request)
        return False
    return True


async def stream_response(
    request: web.Request, content_type: str, pieces: Iterable[bytes], turns: Turns
) -> web.StreamResponse:
    """Send all pieces; each is made when the one before was sent.

    Where a piece cannot be made the connection is cut off, so that nobody takes the
    pieces before it for the whole. Each piece is made in a turn of its own.
    """
    response = web.StreamResponse(headers={"Content-Type": content_type})
    iterator = iter(pieces)
    await turns.take()
    piece = next(iterator, None)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    while piece is not None and await write_chunk(request, response, piece):
        await turns.take()
        try:
            piece = next(iterator, None)
        except Exception:  # noqa: BLE001 - the head was sent already
            logger.exception("an answer was broken off: {}", request.path)
            _cut_off(request)
            return response
    return response


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def stream_body(
    request: web.Request, response: web.StreamResponse, body: bytes, size_bytes: int
) -> web.StreamResponse:
    """``body``, with the head of ``response``, in pieces of ``size_bytes``."""
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return stream
    await write_in_pieces(request, stream, body, size_bytes)
    return stream


async def write_in_pieces(
    request: web.Request, response: web.StreamResponse, data: bytes, size_bytes: int
) -> bool:
    """Write all data; False: the client does not read, and was cut off.

    Only one piece at a time is in the buffers of the connection.
    """
    for start in range(0, len(data), size_bytes):
        if not await write_chunk(request, response, data[start : start + size_bytes]):
            return False
    return True
