"""TCP connection to the first of several addresses that accepts it."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp.abc import ResolveResult


@dataclass(slots=True)
class Attempts:
    """The address that is being tried, and those that were silent."""

    several: bool = False
    trying: str = ""
    silent: list[str] = field(default_factory=list)

    def of(self, place: str) -> str:
        """``place`` with the address being tried, if there are several."""
        if not self.several or not self.trying:
            return place
        silent = f";silent:{','.join(self.silent)}" if self.silent else ""
        return f"{place}({self.trying}{silent})"


async def connect_socket(
    addresses: Sequence[ResolveResult], deadline: float, attempts: Attempts
) -> socket.socket:
    """A connected non-blocking socket. Raises the OSError of the last address.

    Each address gets an equal share of the time until ``deadline`` (the loop's time).
    The last one has no limit here: the caller's timeout ends it.
    """
    refusal = OSError("no address")
    attempts.several = len(addresses) > 1
    for nth, address in enumerate(addresses):
        attempts.trying = address["host"]
        remaining = len(addresses) - nth
        try:
            if remaining == 1:
                return await _connection(address)
            now = asyncio.get_running_loop().time()
            share_s = max(0.0, deadline - now) / remaining
            async with asyncio.timeout_at(now + share_s):
                return await _connection(address)
        except TimeoutError as error:
            # The system's ETIMEDOUT is a TimeoutError, too.
            attempts.silent.append(address["host"])
            refusal = error
        except OSError as error:
            refusal = error
    raise refusal


async def _connection(address: ResolveResult) -> socket.socket:
    connection = socket.socket(address["family"], socket.SOCK_STREAM)
    try:
        connection.setblocking(False)  # noqa: FBT003 - the standard library's
        place = (address["host"], address["port"])
        if not _connect_now(connection, place):
            await asyncio.get_running_loop().sock_connect(connection, place)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_now(connection: socket.socket, place: tuple[str, int]) -> bool:
    """Connect within this call, which a target of the same host allows.

    False: it takes longer. The second call says what became of the first one, and
    costs far less than to have the loop wait for it. Raises OSError.
    """
    for _ in range(2):
        try:
            connection.connect(place)
        except BlockingIOError:
            continue
        return True
    return False
