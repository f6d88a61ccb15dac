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
