"""Where a container is reached: by its service's name, or by its own."""

from urllib.parse import urlsplit

from sidecar.core.container import Container


class Addresses:
    """Turns configured addresses into those of one replica.

    A compose service's name stands for all of its replicas; where there are
    several, each is asked by its own container's name.
    """

    def __init__(self) -> None:
        self._replicated: frozenset[str] = frozenset()

    def set_replicated(self, services: frozenset[str]) -> None:
        """Say which compose services have several replicas now."""
        self._replicated = services

    def host(self, host: str, container: Container) -> str:
        """The name to connect to in place of ``host``."""
        if host == container.service and host in self._replicated:
            return container.name
        return host

    def url(self, url: str, container: Container) -> str:
        """The address to ask in place of ``url``."""
        parts = urlsplit(url)
        host = self.host(parts.hostname or "", container)
        if host == (parts.hostname or ""):
            return url
        netloc = host if parts.port is None else f"{host}:{parts.port}"
        return parts._replace(netloc=netloc).geturl()
