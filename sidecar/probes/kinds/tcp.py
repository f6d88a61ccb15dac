"""Probe ``tcp``: does a port accept a connection?

Harmful to a server with one thread: it serves the probe's empty connection before
its next caller. docs/probes.md names alternatives.
"""

import asyncio
import socket

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import TcpProbe
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext, deadline_in
from sidecar.probes.failure import probe_failed
from sidecar.probes.http_client.connect import Attempts, connect_socket
from sidecar.probes.http_client.errors import socket_failure


async def probe(
    settings: TcpProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Connect, and close at once."""
    host, port, attempts = settings.host, settings.port, Attempts()
    place, deadline = f"{host}:{port}", deadline_in(settings.timeout_s)
    known_addresses = tools.addresses.locate_host(host, port, container).addresses
    try:
        async with asyncio.timeout_at(deadline):
            addresses = known_addresses or await tools.resolver.resolve(host, port)
            (await connect_socket(addresses, deadline, attempts)).close()
    except TimeoutError:
        place = attempts.of(place)
        raise probe_failed(
            Cause.HUNG,
            Reason.of(R.NOT_ACCEPTED, place=place, seconds=settings.timeout_s),
            path_fault=True,
        ) from None
    except socket.gaierror as error:
        raise probe_failed(
            Cause.DETACHED, Reason.of(R.NAME_NOT_RESOLVED, place=place), path_fault=True
        ) from error
    except OSError as error:
        raise socket_failure(error, attempts.of(place)) or error from error
    return probe_success()
