"""The engine's calls that only drills make.

A container is paused, killed or cut off by them for a while. Each call is about one
container by its full id, so that a newer one of the same name is never touched.
"""

import contextlib
from collections.abc import Callable
from functools import partial

import msgspec
from tenacity import (
    Retrying,
    retry_if_exception_message,
    stop_after_attempt,
    wait_fixed,
)

from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import CutNetwork
from sidecar.core.ports.drills import DrillSubject
from sidecar.core.ports.engine import ContainerGone, EngineRefused
from sidecar.engine import requests
from sidecar.engine.api_types import ContainerId, Pascal
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import parse
from sidecar.engine.errors import NotFound
from sidecar.engine.membership import Membership
from sidecar.engine.operations import Operation
from sidecar.engine.replacement_plan import endpoint_settings
from sidecar.engine.replacement_types import EndpointSettings, HostFacts, Networks

_ANSWER_S = 15.0
_NOT_FROZEN = ".*unable to freeze"
"""The runtime gave up on a busy host and let the processes run again (runc, cgroup v1:
libcontainer/cgroups/fs/freezer.go). A later try may succeed."""
_FREEZE_ATTEMPTS = 4
_FREEZE_WAIT_S = 0.5
_NOTHING = "0" * 64
"""The id of a container that cannot exist."""

_Call = Callable[[Client, str], object]


class _Inspected(Pascal, frozen=True):
    id: ContainerId
    host_config: HostFacts = HostFacts()
    network_settings: Networks = Networks()


class DrillCalls:
    """Implements core.ports.drills.DrillEngine for one stack."""

    def __init__(self, link: EngineConnection, stack: str) -> None:
        self._link = link
        self._members = Membership(stack)

    async def check_calls(self, fault: DrillFault) -> None:
        """Raise EngineRefused if the fault's calls or those of its undo are refused."""
        for operation, call in _CALLS.get(fault, ()):
            await self._link.act(
                operation, partial(_try_on_nothing, call=call), _ANSWER_S
            )

    async def examine(self, container_id: str) -> DrillSubject:
        """The container's networks, and what becomes of it when it ends."""
        call = partial(self._examine, container_id=container_id)
        return await self._link.ask("inspect", call, _ANSWER_S)

    async def kill(self, container_id: str) -> None:
        """End the container by SIGKILL; the engine's own policy does not start it."""
        await self._act("kill", container_id, _kill)

    async def freeze(self, container_id: str) -> None:
        """Send SIGSTOP to the main process."""
        await self._act("kill", container_id, _freeze)

    async def pause(self, container_id: str) -> None:
        """Pause all processes of the container."""
        await self._act("pause", container_id, _pause)

    async def unpause(self, container_id: str) -> None:
        """End a pause."""
        await self._act("pause", container_id, _unpause)

    async def leave_network(self, container_id: str, network: CutNetwork) -> None:
        """Take the container out of a network; it may be out already."""
        await self._act("network", container_id, partial(_leave, network=network))

    async def rejoin_network(self, container_id: str, network: CutNetwork) -> None:
        """Put the container back as it was; it may be back, or the network be gone."""
        await self._act("network", container_id, partial(_rejoin, network=network))

    async def _act(self, operation: Operation, container_id: str, call: _Call) -> None:
        await self._link.act(
            operation,
            partial(self._call_own, container_id=container_id, call=call),
            _ANSWER_S,
        )

    def _call_own(self, client: Client, container_id: str, call: _Call) -> None:
        owner = requests.identify(client, container_id, self._members)
        call(client, owner.id)

    def _examine(self, client: Client, container_id: str) -> DrillSubject:
        raw = requests.inspect_own_with_owner(client, container_id, self._members)
        inspected = parse(raw, _Inspected)
        networks = inspected.network_settings.networks or {}
        return DrillSubject(
            tuple(
                _cut_network(inspected.id, name, at or EndpointSettings())
                for name, at in networks.items()
            ),
            inspected.host_config.auto_remove,
        )


def _cut_network(container_id: str, name: str, at: EndpointSettings) -> CutNetwork:
    settings = endpoint_settings(container_id, at)
    if at.links:
        settings["Links"] = at.links
    return CutNetwork(
        at.network_id or name, name, msgspec.json.encode(settings).decode()
    )


def _kill(client: Client, container_id: str) -> None:
    requests.send_signal(client, container_id, "SIGKILL")


def _freeze(client: Client, container_id: str) -> None:
    requests.send_signal(client, container_id, "SIGSTOP")


def _continue(client: Client, container_id: str) -> None:
    requests.send_signal(client, container_id, "SIGCONT")


def _pause(client: Client, container_id: str) -> None:
    attempts = Retrying(
        retry=retry_if_exception_message(match=_NOT_FROZEN),
        stop=stop_after_attempt(_FREEZE_ATTEMPTS),
        wait=wait_fixed(_FREEZE_WAIT_S),
        reraise=True,
    )
    attempts(client.pause, container_id)


def _unpause(client: Client, container_id: str) -> None:
    client.unpause(container_id)


def _start(client: Client, container_id: str) -> None:
    client.start(container_id)


def _stop(client: Client, container_id: str) -> None:
    requests.stop(client, container_id, 0.0)


def _disconnect(client: Client, container_id: str) -> None:
    requests.disconnect(client, container_id, _NOTHING)


def _find_network(client: Client, container_id: str) -> None:
    requests.check_network(client, container_id)


def _connect(client: Client, container_id: str) -> None:
    requests.connect(client, container_id, _NOTHING, b"{}")


_CALLS: dict[DrillFault, tuple[tuple[Operation, _Call], ...]] = {
    DrillFault.KILL: (("kill", _kill), ("start", _start)),
    DrillFault.STOP: (("stop", _stop), ("start", _start)),
    DrillFault.HANG: (("kill", _freeze), ("kill", _continue)),
    DrillFault.PAUSE: (("pause", _pause), ("pause", _unpause)),
    DrillFault.NETCUT: (
        ("network", _disconnect),
        ("network", _find_network),
        ("network", _connect),
    ),
}
"""The calls of each fault that the engine makes, and of its undo."""


def _try_on_nothing(client: Client, call: _Call) -> None:
    """Make the call about a container that cannot exist: a filter forbids it anyway."""
    with contextlib.suppress(ContainerGone, NotFound):
        call(client, _NOTHING)


def _leave(client: Client, container_id: str, network: CutNetwork) -> None:
    try:
        requests.disconnect(client, container_id, network.network_id)
    except EngineRefused:
        if _is_joined(client, container_id, network):
            raise


def _rejoin(client: Client, container_id: str, network: CutNetwork) -> None:
    """Connect it, unless it is connected: whoever did that may have had reasons."""
    if _is_joined(client, container_id, network) or _is_gone(client, network):
        return
    try:
        requests.connect(
            client, container_id, network.network_id, network.settings.encode()
        )
    except EngineRefused:
        if not _is_joined(client, container_id, network):
            raise


def _is_gone(client: Client, network: CutNetwork) -> bool:
    """Is there no such network any more?

    The engine would connect a stopped container to it all the same, which then could
    not be started. Of a filter's 404 it is not known whose word that is.
    """
    try:
        requests.check_network(client, network.network_id)
    except NotFound as error:
        text = str(error).lower()
        if "network" in text and "not found" in text:
            return True
        raise
    return False


def _is_joined(client: Client, container_id: str, network: CutNetwork) -> bool:
    inspected = parse(requests.inspect_with_owner(client, container_id), _Inspected)
    at = (inspected.network_settings.networks or {}).get(network.name)
    return at is not None and at.network_id in {network.network_id, ""}
