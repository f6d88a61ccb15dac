"""Answers of many pieces."""

import asyncio
from collections.abc import Iterable

from aiohttp import hdrs, web

WRITE_DEADLINE_S = 10.0


async def written(
    request: web.Request, response: web.StreamResponse, chunk: bytes
) -> bool:
    """Write; False: the reader does not read, and was cut off."""
    try:
        async with asyncio.timeout(WRITE_DEADLINE_S):
            await response.write(chunk)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        return False
    return True


async def streamed(
    request: web.Request, content_type: str, pieces: Iterable[bytes]
) -> web.StreamResponse:
    """All pieces, each made when the one before was sent; others come in between."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    for piece in pieces:
        if not await written(request, response, piece):
            break
        await asyncio.sleep(0)
    return response


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
        if not await written(request, sent, body[start : start + size_bytes]):
            break
    return sent
