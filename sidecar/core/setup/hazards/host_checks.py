"""Checks of what is around the containers: networks, socket, clock, disk."""

from collections.abc import Iterator

from sidecar.core.setup.hazards.hazard import Finding, Unjudged, Unknown
from sidecar.core.setup.proposal import SetupProposal
from sidecar.core.setup.stack_facts import ServiceFacts

CLOCK_LIMIT_S = 5.0
FREE_SHARE = 0.1
FREE_BYTES = 10_000_000_000
"""Room that suffices, however small its share of the disk is."""
_ROOT = frozenset({"", "0", "root"})


def check_shared_network(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find services that Sidecar, or a service that needs them, cannot reach."""
    sidecar = proposal.stack.sidecar
    if sidecar is None:
        yield Unjudged("", Unknown.NO_SIDECAR)
    for target in proposal.targets:
        if sidecar is not None and _is_apart(sidecar, target.service):
            yield _apart_finding(sidecar, target.service)
        for evidence in target.depends_on:
            root = proposal.stack.find(evidence.name)
            if root is not None and _is_apart(target.service, root):
                yield _apart_finding(target.service, root)


def _is_apart(caller: ServiceFacts, service: ServiceFacts) -> bool:
    """Is it known that they share no network?"""
    if not caller.networks or not service.networks:
        return False
    modes = (caller.network_mode, service.network_mode)
    if any(mode == "host" or ":" in mode for mode in modes):
        return False
    return not caller.networks & service.networks


def _apart_finding(caller: ServiceFacts, service: ServiceFacts) -> Finding:
    theirs = min(service.networks or {""})
    return Finding(service.name, {"caller": caller.name, "network": theirs})


def check_socket_group(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find a Sidecar that is in the wrong group for the engine's socket."""
    socket, sidecar = proposal.stack.socket, proposal.stack.sidecar
    if socket is None:
        yield Unjudged("", Unknown.NO_SOCKET)
        return
    values = {"group": str(socket.group_id), "socket": socket.path}
    if not socket.may_use:
        yield Finding(sidecar.name if sidecar is not None else "", values)
    elif sidecar is None:
        yield Unjudged("", Unknown.NO_SIDECAR)
    elif _has_socket(sidecar):
        user, _, group = sidecar.user.partition(":")
        groups = {*sidecar.group_ids, group}
        if user in _ROOT or values["group"] in groups:
            return
        if any(name and not name.isdigit() for name in groups):
            yield Unjudged(sidecar.name, Unknown.NAMED_GROUP)
        else:
            yield Finding(sidecar.name, values)


def _has_socket(sidecar: ServiceFacts) -> bool:
    return any(m.source.endswith("/docker.sock") for m in sidecar.mounts or ())


def check_clock(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find an engine whose clock differs from the clock here."""
    ahead_s = proposal.stack.clock_ahead_s
    if ahead_s is None:
        yield Unjudged("", Unknown.NO_CLOCK)
    elif abs(ahead_s) > CLOCK_LIMIT_S:
        yield Finding("", {"seconds": f"{ahead_s:+.0f}"})


def check_disk(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find file systems that are nearly full."""
    if not proposal.stack.disks:
        yield Unjudged("", Unknown.NO_DISK)
    for disk in proposal.stack.disks:
        if disk.free_bytes < min(FREE_SHARE * disk.total_bytes, FREE_BYTES):
            share = disk.free_bytes / max(1, disk.total_bytes)
            values = {
                "holds": disk.holds,
                "free": f"{disk.free_bytes / 1e9:.1f} GB",
                "share": f"{share:.0%}",
            }
            yield Finding("", values)
