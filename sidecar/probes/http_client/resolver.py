"""Name resolution, repeated at every probe: a restart can change the address."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 32
REMEMBERED = 4096


class ThreadResolver(AbstractResolver):
    """The system's resolver in threads of its own.

    A silent name server blocks a thread for many seconds; in the loop's few default
    threads that would delay the names of healthy targets.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "resolve")

    async def resolve(  # type: ignore[explicit-override]  # needs Python 3.12
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """All stream addresses of ``host``. OSError if there are none."""
        numeric_family = _numeric_family(host)
        if numeric_family is not None:
            return [_result(host, host, port, numeric_family, 0)]
        address_infos = await asyncio.get_running_loop().run_in_executor(
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
            for found_family, _, proto, _, sockaddr in address_infos
        ]

    async def close(self) -> None:  # type: ignore[explicit-override]
        """Shut the threads down; those in progress end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@lru_cache(REMEMBERED)
def _numeric_family(host: str) -> socket.AddressFamily | None:
    """The family of a numeric address; None: ``host`` is a name."""
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    return socket.AF_INET if version == 4 else socket.AF_INET6  # noqa: PLR2004


def numeric_result(name: str, address: str, port: int) -> ResolveResult:
    """The result for a known address of ``name``. ValueError if it is not numeric."""
    family = _numeric_family(address)
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
