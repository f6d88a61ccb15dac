"""Where a container is reached: its own addresses on networks that Sidecar is on.

A name is not enough: on a shared network a container of another project may have it,
too, and would get the request and its password.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.container import Container, Endpoint
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

LOOPBACK = ("127.0.0.1",)
HOST, NONE = "host", "none"
_OF_ANOTHER = "container:"


class Reach(NamedTuple):
    """The addresses of a container of the stack, or why there are none.

    ``container_id`` is whose they are; empty: of several. ``is_judged``: that there
    are none is a fault of the container's; otherwise it is only not known.
    """

    addresses: tuple[str, ...]
    container_id: str = ""
    reason: Reason = NO_REASON
    is_judged: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The stack's containers as Sidecar is placed among them.

    ``own`` is Sidecar's own container; None: it runs outside any, or that is not
    known, and every address is worth a try.
    """

    own: Container | None = None
    by_id: Mapping[str, Container] = field(default_factory=dict)
    by_name: Mapping[str, tuple[Container, ...]] = field(default_factory=dict)


def find_surroundings(
    own: Container | None, containers: Iterable[Container]
) -> Surroundings:
    """Worked out once for each list of containers."""
    by_id: dict[str, Container] = {}
    by_name: dict[str, list[Container]] = {}
    for container in containers:
        by_id[container.id] = container
        for name in _names_of(container):
            by_name.setdefault(name, []).append(container)
    return Surroundings(
        own, by_id, {name: tuple(all_) for name, all_ in by_name.items()}
    )


def has_name(name: str, container: Container) -> bool:
    """Does ``name``, in lower case, mean it? A network's name may follow a dot."""
    if name in {container.service.casefold(), container.name.casefold()}:
        return bool(name)
    return any(_has_name_on(name, container, e) for e in container.endpoints)


def _has_name_on(name: str, container: Container, endpoint: Endpoint) -> bool:
    if name in endpoint.names:
        return True
    plain = name.removesuffix(f".{endpoint.network.casefold()}")
    own = {container.service.casefold(), container.name.casefold()}
    return plain != name and bool(plain) and (plain in endpoint.names or plain in own)


def _names_of(container: Container) -> frozenset[str]:
    """All names by which a URL may mean it, in one case: names have none."""
    own = {container.service.casefold(), container.name.casefold()} - {""}
    names = set(own)
    for endpoint in container.endpoints:
        here = own | endpoint.names
        names |= here
        names |= {f"{name}.{endpoint.network.casefold()}" for name in here}
    return frozenset(names)


def find_reach(host: str, container: Container, around: Surroundings) -> Reach | None:
    """Where ``host`` is, for a probe of ``container``.

    Its own name is its own address, whoever else is called so. None: no container
    of the stack is called so, and the name is resolved as any other.
    """
    name = host.rstrip(".").casefold()
    if has_name(name, container):
        return _reach_of(container, around)
    peers = around.by_name.get(name, ())
    if not peers:
        return None
    each = [_reach_of(peer, around) for peer in peers]
    found = tuple(a for reached in each for a in reached.addresses)
    if not found or len(each) == 1:
        return each[0]
    return Reach(found)


def _reach_of(container: Container, around: Surroundings) -> Reach:
    space = _space(container, around)
    own = around.own
    if own is not None and _space_id(own) == _space_id(container):
        return Reach(LOOPBACK, container.id)
    if space is None:
        reason = Reason.of(R.ON_FOREIGN_NETWORK)
        return Reach((), container.id, reason, is_judged=False)
    if space.network_mode == NONE:
        reason = Reason.of(R.ON_NO_NETWORK)
        return Reach((), container.id, reason, is_judged=False)
    if space.network_mode == HOST:
        return _at_host(container, around)
    return _on_networks(container, space, around)


def _space(container: Container, around: Surroundings) -> Container | None:
    """Whose network it is on: its own, or another container's."""
    if not container.network_mode.startswith(_OF_ANOTHER):
        return container
    return around.by_id.get(_space_id(container))


def _space_id(container: Container) -> str:
    mode = container.network_mode
    return mode.removeprefix(_OF_ANOTHER) if _OF_ANOTHER in mode else container.id


def _at_host(container: Container, around: Surroundings) -> Reach:
    """The engine's host, as it is seen from where Sidecar is."""
    own = around.own
    if own is None or own.network_mode == HOST:
        return Reach(LOOPBACK, container.id)
    space = _space(own, around) or own
    gateways = tuple(dict.fromkeys(e.gateway for e in space.endpoints if e.gateway))
    if gateways:
        return Reach(gateways[:1], container.id)
    reason = Reason.of(R.ON_HOST_NETWORK)
    return Reach((), container.id, reason, is_judged=False)


def own_networks(around: Surroundings) -> frozenset[str] | None:
    """The networks that Sidecar is on; None: its host's, or it is not known."""
    space = _own_space(around)
    return space.networks if space is not None else None


def own_addresses(around: Surroundings) -> frozenset[tuple[str, str]] | None:
    """Sidecar's own addresses, each with its network, and each network with none.

    None: it is on its host's network, or that is not known.
    """
    space = _own_space(around)
    if space is None:
        return None
    found = {(e.network, address) for e in space.endpoints for address in e.addresses}
    return frozenset(found | {(network, "") for network in space.networks})


def _own_space(around: Surroundings) -> Container | None:
    space = _space(around.own, around) if around.own is not None else None
    return None if space is None or space.network_mode == HOST else space


def networks_of(container: Container, around: Surroundings) -> frozenset[str]:
    """The networks over which a container is reached; () where that is not known."""
    space = _space(container, around)
    return space.networks if space is not None else frozenset()


def _on_networks(container: Container, space: Container, around: Surroundings) -> Reach:
    ours = own_networks(around)
    shared = tuple(
        endpoint
        for endpoint in space.endpoints
        if ours is None or endpoint.network in ours
    )
    found = tuple(dict.fromkeys(a for e in shared for a in e.addresses))
    if found:
        return Reach(found, container.id)
    theirs = ",".join(sorted(e.network for e in space.endpoints)) or "none"
    if shared:
        reason = Reason.of(R.NO_ADDRESS, theirs=theirs)
        return Reach((), container.id, reason)
    own = ",".join(sorted(ours or ())) or "none"
    reason = Reason.of(R.NO_SHARED_NETWORK, theirs=theirs, ours=own)
    return Reach((), container.id, reason)
