"""The close of a server of a test, with all connections that it has accepted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def close_server(server: asyncio.Server) -> AsyncIterator[None]:
    """Close the server; the block ends its connections; wait until all are closed.

    Also those whose TLS handshake the client broke off, which are nobody's yet. Asked
    for after the close, Python 3.11 would wait for none.
    """
    closed = asyncio.create_task(server.wait_closed())
    await asyncio.sleep(0)
    server.close()
    yield
    await closed
