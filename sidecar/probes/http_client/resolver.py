"""Names into addresses, anew at every probe: a restart can change the address."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 32
REMEMBERED = 4096


class ThreadResolver(AbstractResolver):
    """The system's resolver in threads of our own.

    A name server that does not answer holds a thread for many seconds; in the
    loop's own few threads that would delay the names of healthy targets.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "resolve")

    async def resolve(  # type: ignore[explicit-override]  # needs Python 3.12
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """All stream addresses of ``host``; OSError where there are none."""
        numeric = _numeric(host)
        if numeric is not None:
            return [_result(host, host, port, numeric, 0)]
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            partial(
                socket.getaddrinfo,
                host,
                port,
                family,
                socket.SOCK_STREAM,
                flags=socket.AI_ADDRCONFIG,
            ),
        )
        return [
            _result(host, str(sockaddr[0]), port, found_family, proto)
            for found_family, _, proto, _, sockaddr in found
        ]

    async def close(self) -> None:  # type: ignore[explicit-override]
        """Let the threads go; those still asking end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@lru_cache(REMEMBERED)
def _numeric(host: str) -> socket.AddressFamily | None:
    """The family of an address in figures; None: it is a name."""
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    return socket.AF_INET if version == 4 else socket.AF_INET6  # noqa: PLR2004


def numeric(name: str, address: str, port: int) -> ResolveResult:
    """A known address of ``name``. ValueError."""
    family = _numeric(address)
    if family is None:
        raise ValueError(f"{address!r} is no address")
    return _result(name, address, port, family, 0)


def _result(name: str, host: str, port: int, family: int, proto: int) -> ResolveResult:
    return ResolveResult(
        hostname=name,
        host=host,
        port=port,
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST,
    )
