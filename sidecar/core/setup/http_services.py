"""Services that speak HTTP: their port, and their health address."""

import re
from typing import NamedTuple

from sidecar.core.setup.stack_facts import ServiceFacts, StackFacts, is_port
from sidecar.core.setup.variables import references_to

HTTP_PORTS = frozenset(
    {80, 3000, 3001, 4000, 5000, 8000, 8001, 8008, 8080, 8081, 8088, 8888}
)
"""Ports on which programs speak HTTP by custom."""

ANY_ANSWER = (200, 204, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405)
"""Answers that prove that a program serves, where its health address is not known."""

_URL = re.compile(
    r"(https?)://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}|\$\{?\w+\}?))?"
    r"(/[A-Za-z0-9_./~-]*)?"
)
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"})  # noqa: S104
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PROXY_VARIABLE = "VIRTUAL_PORT"


class HttpService(NamedTuple):
    """The health address of a service; ``why`` says how it was found.

    ``is_health_path`` False: the path is not known, so any answer but an error counts.
    """

    scheme: str
    port: int
    path: str
    why: str
    is_health_path: bool

    def url(self, host: str) -> str:
        """The address for a probe."""
        default = _DEFAULT_PORTS[self.scheme]
        port = "" if self.port == default else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def find_http(service: ServiceFacts, stack: StackFacts) -> HttpService | None:
    """The health address of the service; None: nothing shows that it speaks HTTP."""
    return (
        _from_health_check(service)
        or _from_proxy(service)
        or _from_callers(service, stack)
        or _from_ports(service)
    )


def _from_health_check(service: ServiceFacts) -> HttpService | None:
    check = service.health_check
    match = _URL.search(check.command) if check is not None else None
    if match is None or not _is_own_host(match[2], service):
        return None
    scheme = match[1]
    port = _port(match[3], service, scheme)
    if port is None:
        return None
    why = "its HEALTHCHECK asks this address"
    return HttpService(scheme, port, match[4] or "/", why, is_health_path=True)


def _is_own_host(host: str, service: ServiceFacts) -> bool:
    return host in _OWN_HOSTS or host.casefold() in {service.name, *service.names}


def _port(text: str | None, service: ServiceFacts, scheme: str) -> int | None:
    if not text:
        return _DEFAULT_PORTS[scheme]
    if text.startswith("$"):
        text = service.variable(text.strip("${}"))
        if not text and len(service.exposed_ports) == 1:
            return service.exposed_ports[0]
    is_number = text.isascii() and text.isdigit() and is_port(int(text[:6]))
    return int(text) if is_number else None


def _from_proxy(service: ServiceFacts) -> HttpService | None:
    port, why = service.proxied_port, "a label names this port for a reverse proxy"
    if port is None:
        port = _port(service.variable(_PROXY_VARIABLE) or "0", service, "http")
        why = f"{_PROXY_VARIABLE} names this port for a reverse proxy"
    if not port:
        return None
    return HttpService("http", port, "/", why, is_health_path=False)


def _from_callers(service: ServiceFacts, stack: StackFacts) -> HttpService | None:
    for other in stack.others():
        if other is service:
            continue
        for reference in references_to(service, other):
            if reference.scheme in _DEFAULT_PORTS:
                port = reference.port or _DEFAULT_PORTS[reference.scheme]
                why = f"{reference.variable} of {other.name} names this address"
                return HttpService(
                    reference.scheme, port, "/", why, is_health_path=False
                )
    return None


def _from_ports(service: ServiceFacts) -> HttpService | None:
    published = tuple(p.port for p in service.published_ports)
    for port in (*published, *service.exposed_ports):
        if port in HTTP_PORTS:
            why = "programs speak HTTP on this port by custom"
            return HttpService("http", port, "/", why, is_health_path=False)
    return None
