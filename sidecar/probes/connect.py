"""A TCP connection to the first address that grants one."""

import asyncio
import socket
from collections.abc import Sequence

from aiohttp.abc import ResolveResult


async def connected(addresses: Sequence[ResolveResult]) -> socket.socket:
    """A connected socket that does not block; else the last address's OSError."""
    refusal = OSError("no address")
    for address in addresses:
        connection = socket.socket(address["family"], socket.SOCK_STREAM)
        try:
            connection.setblocking(False)  # noqa: FBT003 - the standard library's
            await asyncio.get_running_loop().sock_connect(
                connection, (address["host"], address["port"])
            )
        except OSError as error:
            connection.close()
            refusal = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise refusal
