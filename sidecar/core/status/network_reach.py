"""Addresses of a container on the networks that it shares with Sidecar.

A name is not enough: on a shared network a container of another project may have the
same name, and would receive the request and its password.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.container import Container, Endpoint
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

LOOPBACK = ("127.0.0.1",)
HOST, NONE = "host", "none"
BY_NAME = "by-name"
"""Network mode of a container without an engine: names are resolved as usual."""
OTHER_HOST = "host of another node"
"""Network mode of a swarm task on the network of another node's host."""
_CONTAINER_PREFIX = "container:"


class Reach(NamedTuple):
    """The addresses of a container of the stack, or why there are none.

    ``container_id`` is the container of the addresses; empty: there are several.
    ``is_judged``: missing addresses are the container's fault; otherwise their reason
    is not known.
    """

    addresses: tuple[str, ...]
    container_id: str = ""
    reason: Reason = NO_REASON
    is_judged: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The stack's containers, with Sidecar's own.

    ``own`` is Sidecar's own container; None: Sidecar runs in none, or that is not
    known, and every address is tried.
    """

    own: Container | None = None
    by_id: Mapping[str, Container] = field(default_factory=dict)
    by_name: Mapping[str, tuple[Container, ...]] = field(default_factory=dict)


def find_surroundings(
    own: Container | None, containers: Iterable[Container]
) -> Surroundings:
    """Index the containers; computed once per list."""
    by_id: dict[str, Container] = {}
    by_name: dict[str, list[Container]] = {}
    for container in containers:
        by_id[container.id] = container
        for name in _find_names(container):
            by_name.setdefault(name, []).append(container)
    return Surroundings(
        own, by_id, {name: tuple(all_) for name, all_ in by_name.items()}
    )


def has_name(name: str, container: Container) -> bool:
    """Is ``name``, in lower case, a name of the container (or ``NAME.NETWORK``)?"""
    if name in {container.service.casefold(), container.name.casefold()}:
        return bool(name)
    return any(_has_name_on(name, container, e) for e in container.endpoints)


def _has_name_on(name: str, container: Container, endpoint: Endpoint) -> bool:
    if name in endpoint.names:
        return True
    plain = name.removesuffix(f".{endpoint.network.casefold()}")
    own = {container.service.casefold(), container.name.casefold()}
    return plain != name and bool(plain) and (plain in endpoint.names or plain in own)


def _find_names(container: Container) -> frozenset[str]:
    """All names of the container in URLs, in lower case: names ignore case."""
    own = {container.service.casefold(), container.name.casefold()} - {""}
    names = set(own)
    for endpoint in container.endpoints:
        here = own | endpoint.names
        names |= here
        names |= {f"{name}.{endpoint.network.casefold()}" for name in here}
    return frozenset(names)


def find_reach(host: str, container: Container, around: Surroundings) -> Reach | None:
    """Addresses of ``host`` for a probe of ``container``.

    The container's own name means its own addresses, even if others have that name.
    None: no container of the stack has that name, which is then resolved as usual.
    """
    if container.network_mode == BY_NAME:
        return None
    name = host.rstrip(".").casefold()
    if has_name(name, container):
        return _find_own_reach(container, around)
    peers = around.by_name.get(name, ())
    if not peers:
        return None
    reaches = [_find_own_reach(peer, around) for peer in peers]
    addresses = tuple(a for reach in reaches for a in reach.addresses)
    if not addresses or len(reaches) == 1:
        return reaches[0]
    return Reach(addresses)


def _find_own_reach(container: Container, around: Surroundings) -> Reach:
    owner = _network_owner(container, around)
    own = around.own
    if own is not None and _network_owner_id(own) == _network_owner_id(container):
        return Reach(LOOPBACK, container.id)
    if owner is None:
        reason = Reason.of(R.ON_FOREIGN_NETWORK)
        return Reach((), container.id, reason, is_judged=False)
    if owner.network_mode == NONE:
        reason = Reason.of(R.ON_NO_NETWORK)
        return Reach((), container.id, reason, is_judged=False)
    if owner.network_mode == OTHER_HOST:
        reason = Reason.of(R.ON_OTHER_NODES_HOST)
        return Reach((), container.id, reason, is_judged=False)
    if owner.network_mode == HOST:
        return _find_host_reach(container, around)
    return _find_network_reach(container, owner, around)


def _network_owner(container: Container, around: Surroundings) -> Container | None:
    """The container whose network it uses: itself, or another; None: not known."""
    if not container.network_mode.startswith(_CONTAINER_PREFIX):
        return container
    return around.by_id.get(_network_owner_id(container))


def _network_owner_id(container: Container) -> str:
    mode = container.network_mode
    return (
        mode.removeprefix(_CONTAINER_PREFIX)
        if _CONTAINER_PREFIX in mode
        else container.id
    )


def _find_host_reach(container: Container, around: Surroundings) -> Reach:
    """Addresses of the engine's host on Sidecar's networks."""
    own = around.own
    if own is None or own.network_mode == HOST:
        return Reach(LOOPBACK, container.id)
    owner = _network_owner(own, around) or own
    gateways = tuple(dict.fromkeys(e.gateway for e in owner.endpoints if e.gateway))
    if gateways:
        return Reach(gateways[:1], container.id)
    reason = Reason.of(R.ON_HOST_NETWORK)
    return Reach((), container.id, reason, is_judged=False)


def own_networks(around: Surroundings) -> frozenset[str] | None:
    """The networks of Sidecar; None: the host's network, or not known."""
    owner = _own_network_owner(around)
    return owner.networks if owner is not None else None


def own_addresses(around: Surroundings) -> frozenset[tuple[str, str]] | None:
    """Pairs of Sidecar's networks and addresses, and of each network and "".

    None: the host's network, or not known.
    """
    owner = _own_network_owner(around)
    if owner is None:
        return None
    addresses = {
        (e.network, address) for e in owner.endpoints for address in e.addresses
    }
    return frozenset(addresses | {(network, "") for network in owner.networks})


def _own_network_owner(around: Surroundings) -> Container | None:
    owner = _network_owner(around.own, around) if around.own is not None else None
    return None if owner is None or owner.network_mode == HOST else owner


def networks_of(container: Container, around: Surroundings) -> frozenset[str]:
    """The networks that reach a container; empty where that is not known."""
    owner = _network_owner(container, around)
    return owner.networks if owner is not None else frozenset()


def _find_network_reach(
    container: Container, owner: Container, around: Surroundings
) -> Reach:
    ours = own_networks(around)
    shared = tuple(
        endpoint
        for endpoint in owner.endpoints
        if ours is None or endpoint.network in ours
    )
    addresses = tuple(dict.fromkeys(a for e in shared for a in e.addresses))
    if addresses:
        return Reach(addresses, container.id)
    theirs = ",".join(sorted(e.network for e in owner.endpoints)) or "none"
    if shared:
        reason = Reason.of(R.NO_ADDRESS, theirs=theirs)
        return Reach((), container.id, reason)
    own = ",".join(sorted(ours or ())) or "none"
    reason = Reason.of(R.NO_SHARED_NETWORK, theirs=theirs, ours=own)
    return Reach((), container.id, reason)
