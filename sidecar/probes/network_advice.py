"""The networks of a target that cannot be reached, and the line to add."""

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

_NO_NETWORKS = frozenset({"host", "none"})
"""What the engine calls the network of a container that is on none of its own."""
_SHOWN = 3


def add_network_advice(
    outcome: ProbeResult, container: Container, own: frozenset[str]
) -> ProbeResult:
    """A ``detached`` outcome with the networks of both sides; others as they are.

    ``own``: the networks that we are on; none: not known.
    """
    if outcome.cause is not Cause.DETACHED or not own:
        return outcome
    theirs = container.networks
    shown = {"theirs": _join_names(theirs), "ours": _join_names(own)}
    reason = Reason.of(R.ON_OTHER_NETWORKS, reason=outcome.reason, **shown)
    if not theirs & own and theirs - _NO_NETWORKS:
        wanted = (*sorted(own)[:_SHOWN], min(theirs))
        names = ", ".join(_key(name, container.stack) for name in wanted)
        reason = Reason.of(
            R.ON_OTHER_NETWORKS_ADD, reason=outcome.reason, **shown, names=names
        )
    return replace(outcome, reason=reason)


def _join_names(networks: Iterable[str]) -> str:
    names = sorted(networks)
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more or "no network"


def _key(network: str, stack: str) -> str:
    """As the compose file calls it."""
    return network.removeprefix(f"{stack}_")
