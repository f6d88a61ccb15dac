"""A TCP connection to the first address that grants one."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp.abc import ResolveResult


@dataclass(slots=True)
class Attempts:
    """Which of several addresses is being tried, and which were silent."""

    several: bool = False
    trying: str = ""
    silent: list[str] = field(default_factory=list)

    def of(self, place: str) -> str:
        """``place`` with the address that is meant, where there are several."""
        if not self.several or not self.trying:
            return place
        silent = f";silent:{','.join(self.silent)}" if self.silent else ""
        return f"{place}({self.trying}{silent})"


async def connect_socket(
    addresses: Sequence[ResolveResult], deadline: float, attempts: Attempts
) -> socket.socket:
    """A connected socket that does not block; else the last address's OSError.

    Each address has an equal share of what is left until ``deadline`` (the loop's
    time), the last one all of it: whoever calls ends it then.
    """
    refusal = OSError("no address")
    attempts.several = len(addresses) > 1
    for nth, address in enumerate(addresses):
        attempts.trying = address["host"]
        left = len(addresses) - nth
        now = asyncio.get_running_loop().time()
        share = now + max(0.0, deadline - now) / left if left > 1 else None
        try:
            async with asyncio.timeout_at(share):
                return await _connection(address)
        except TimeoutError as error:
            # The system's own is an OSError of this class, too.
            attempts.silent.append(address["host"])
            refusal = error
        except OSError as error:
            refusal = error
    raise refusal


async def _connection(address: ResolveResult) -> socket.socket:
    connection = socket.socket(address["family"], socket.SOCK_STREAM)
    try:
        connection.setblocking(False)  # noqa: FBT003 - the standard library's
        await asyncio.get_running_loop().sock_connect(
            connection, (address["host"], address["port"])
        )
    except BaseException:
        connection.close()
        raise
    return connection
