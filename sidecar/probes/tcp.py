"""Does a port accept a connection?

Harmful to a server with one thread: it serves our empty connection before its
next caller. docs/probes.md names what to use instead.
"""

import asyncio
import socket

from sidecar.core.container import Container
from sidecar.core.outcome import Cause, Outcome, success
from sidecar.core.target import TcpProbe
from sidecar.probes.connect import connected
from sidecar.probes.exchange import socket_trouble
from sidecar.probes.tools import Tools
from sidecar.probes.trouble import trouble


async def probe(settings: TcpProbe, container: Container, tools: Tools) -> Outcome:
    """Connect, and close at once."""
    host = tools.addresses.host(settings.host, container)
    place = f"{host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.timeout_s):
            addresses = await tools.resolver.resolve(host, settings.port)
            (await connected(addresses)).close()
    except TimeoutError:
        raise trouble(
            Cause.HUNG,
            f"{place} accepted no connection for {settings.timeout_s:.1f} s",
            path_fault=True,
        ) from None
    except socket.gaierror as error:
        raise trouble(
            Cause.DETACHED, f"the name of {place} does not resolve", path_fault=True
        ) from error
    except OSError as error:
        raise socket_trouble(error, place) or error from error
    return success()
