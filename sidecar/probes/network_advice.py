"""Advice for an unreachable target: the networks of both sides, and what to add."""

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

_NO_NETWORKS = frozenset({"host", "none"})
"""The engine's names for the network of a container without networks of its own."""
_SHOWN = 3


def add_network_advice(
    outcome: ProbeResult, container: Container, own: frozenset[str]
) -> ProbeResult:
    """A ``detached`` outcome with the networks of both sides; other outcomes unchanged.

    ``own``: Sidecar's own networks; empty: not known.
    """
    if outcome.cause is not Cause.DETACHED or not own:
        return outcome
    theirs = container.networks
    network_names = {"theirs": _join_names(theirs), "ours": _join_names(own)}
    reason = Reason.of(R.ON_OTHER_NETWORKS, reason=outcome.reason, **network_names)
    if not theirs & own and theirs - _NO_NETWORKS:
        advised = (*sorted(own)[:_SHOWN], min(theirs))
        names = ", ".join(_key(name, container.stack) for name in advised)
        reason = Reason.of(
            R.ON_OTHER_NETWORKS_ADD, reason=outcome.reason, **network_names, names=names
        )
    return replace(outcome, reason=reason)


def _join_names(networks: Iterable[str]) -> str:
    names = sorted(networks)
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more or "no network"


def _key(network: str, stack: str) -> str:
    """The network's key in the compose file."""
    return network.removeprefix(f"{stack}_")
