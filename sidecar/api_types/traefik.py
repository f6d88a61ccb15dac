"""The dynamic configuration of Traefik, as its HTTP provider reads it."""

from msgspec import UNSET, Struct, UnsetType


class TraefikServer(Struct, frozen=True, gc=False):
    """One server: the address of a replica."""

    url: str


class TraefikLoadBalancer(Struct, frozen=True, gc=False):
    """The servers that get requests."""

    servers: tuple[TraefikServer, ...]


class TraefikService(Struct, frozen=True, gc=False, rename="camel"):
    """One service: a target."""

    load_balancer: TraefikLoadBalancer


class TraefikHttp(Struct, frozen=True):
    """The services, by name; there is at least one."""

    services: dict[str, TraefikService]


class TraefikConfiguration(Struct, frozen=True):
    """The whole configuration; empty without a service."""

    http: TraefikHttp | UnsetType = UNSET
