"""Targets as services of Traefik: the servers that get requests."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from sidecar.api_types.traefik import (
    TraefikConfiguration,
    TraefikHttp,
    TraefikLoadBalancer,
    TraefikServer,
    TraefikService,
)
from sidecar.core.model.container import Container, Status
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.status.traffic import takes_traffic


def traefik_services(
    state: State, network: str
) -> Iterator[tuple[str, TraefikService | None]]:
    """Each target with its servers, one by one; None: it has no probe ``http``.

    ``network``: servers have their addresses of this network; empty: of any one. A
    replica that is draining, starting or certainly down is left out. If all are, all
    that run are servers: Traefik is never left without one because of Sidecar.
    """
    for name, target in state.targets.items():
        servers = tuple(_servers(state, target, network))
        service = TraefikService(TraefikLoadBalancer(servers)) if servers else None
        yield name, service


def traefik_configuration(
    services: Iterable[tuple[str, TraefikService | None]],
) -> TraefikConfiguration:
    """The configuration of these services: scheme, port and replicas of each."""
    served = {name: service for name, service in services if service is not None}
    if not served:
        return TraefikConfiguration()
    return TraefikConfiguration(TraefikHttp(served))


def _servers(state: State, target: Target, network: str) -> Iterator[TraefikServer]:
    probe = next((p for p in target.probes if isinstance(p, HttpProbe)), None)
    if probe is None:
        return
    parts = urlsplit(probe.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    running = [i for i in state.replicas(target.name) if _is_running(i)]
    for instance in [i for i in running if takes_traffic(i)] or running:
        assert instance.container is not None
        host = _host(instance.container, network)
        if host:
            yield TraefikServer(f"{parts.scheme}://{host}:{port}")


def _is_running(instance: Instance) -> bool:
    container = instance.container
    return container is not None and container.status is Status.RUNNING


def _host(container: Container, network: str) -> str:
    """The name of the container on the network, or its address; empty: it has none.

    A name stays the same over restarts, in which the address may change.
    """
    for endpoint in sorted(container.endpoints):
        if network not in {"", endpoint.network}:
            continue
        if container.name.lower() in endpoint.names:
            return container.name.lower()
        address = next(iter(endpoint.addresses), "")
        if address:
            return f"[{address}]" if ":" in address else address
    return ""
