"""Answers of many pieces."""

import asyncio
from collections.abc import Iterable

from aiohttp import hdrs, web
from loguru import logger

WRITE_DEADLINE_S = 10.0


async def write_chunk(
    request: web.Request, response: web.StreamResponse, chunk: bytes
) -> bool:
    """Write; False: the reader does not read, and was cut off."""
    try:
        async with asyncio.timeout(WRITE_DEADLINE_S):
            await response.write(chunk)
    except TimeoutError:
        _cut_off(request)
        return False
    return True


async def stream_response(
    request: web.Request, content_type: str, pieces: Iterable[bytes]
) -> web.StreamResponse:
    """All pieces, each made when the one before was sent; others come in between.

    Whole or an error: where a piece cannot be made the connection is cut off, so that
    nobody takes the pieces before it for all there are.
    """
    response = web.StreamResponse(headers={"Content-Type": content_type})
    made = iter(pieces)
    piece = next(made, None)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    while piece is not None and await write_chunk(request, response, piece):
        await asyncio.sleep(0)
        try:
            piece = next(made, None)
        except Exception:  # noqa: BLE001 - whatever it is, the head was sent already
            logger.exception("an answer was broken off: {}", request.path)
            _cut_off(request)
            return response
    return response


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def in_pieces(
    request: web.Request, response: web.StreamResponse, body: bytes, size_bytes: int
) -> web.StreamResponse:
    """``body``, with the head of ``response``, in pieces of ``size_bytes``."""
    sent = web.StreamResponse(status=response.status, headers=response.headers)
    sent.content_length = len(body)
    await sent.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return sent
    for start in range(0, len(body), size_bytes):
        if not await write_chunk(request, sent, body[start : start + size_bytes]):
            break
    return sent
