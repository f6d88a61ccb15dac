"""Find our own container, and by it our stack."""

import contextlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sidecar.core.model.container import Container
from sidecar.core.ports.engine import ContainerGone, EngineError
from sidecar.engine import requests
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import NAMESPACE_LABEL, TASK_LABEL

_DEADLINE_S = 10.0

# The files that the engine mounts into every container, from the container's own
# directory, which Podman calls overlay-containers/ID/userdata or after another storage.
# On a host other containers' directories are visible, but not at /etc.
_OWN_MOUNT = re.compile(
    r"/(?:[a-z]+-)?containers/([0-9a-f]{64})/(?:userdata/)?"
    r"(?:hostname|hosts|resolv\.conf)"
    r" /etc/(?:hostname|hosts|resolv\.conf) "
)
_SHORT_ID = re.compile(r"[0-9a-f]{12}|[0-9a-f]{64}")


class OwnContainer(NamedTuple):
    """Ourselves as the engine sees us; no stack, no service: outside compose.

    ``swarm_stack``: the stack of Docker Swarm of which we are a task; empty: of none.
    """

    id: str
    stack: str
    name: str = ""
    service: str = ""
    swarm_stack: str = ""


async def find_own_container(
    link: EngineConnection,
    environ: Mapping[str, str],
    mountinfo: Path = Path("/proc/self/mountinfo"),
) -> OwnContainer | None:
    """Find our own container; None: the engine knows none.

    EngineError.
    """
    mounts = await link.spawn(partial(_text, mountinfo))
    own_id = own_id_from(mounts, environ.get("HOSTNAME", ""))
    if own_id is None:
        return None
    try:
        own = await link.ask("inspect", partial(_look, own_id=own_id), _DEADLINE_S)
    except ContainerGone:
        return None
    # A short id could also be another container's name.
    return own if own.id.startswith(own_id) else None


class OwnView:
    """Our own container as it is now; it may join and leave networks."""

    def __init__(self, link: EngineConnection, own_id: str) -> None:
        self._link = link
        self._own_id = own_id
        self._container: Container | None = None

    async def now(self) -> Container | None:
        """The container, or its last known state; None: there is none, or no answer."""
        if self._own_id:
            look = partial(requests.inspect, container_id=self._own_id)
            with contextlib.suppress(EngineError):
                self._container = await self._link.ask("inspect", look, _DEADLINE_S)
        return self._container


def _look(client: Client, own_id: str) -> OwnContainer:
    container = requests.inspect(client, own_id)
    is_task = TASK_LABEL in container.labels
    swarm_stack = container.labels.get(NAMESPACE_LABEL, "") if is_task else ""
    return OwnContainer(
        container.id, container.stack, container.name, container.service, swarm_stack
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def own_id_from(mountinfo: str, hostname: str) -> str | None:
    """Our container's id: by our mounts, else by a host name that is a short id."""
    mounted = _OWN_MOUNT.search(mountinfo)
    if mounted is not None:
        return mounted.group(1)
    return hostname if _SHORT_ID.fullmatch(hostname) else None
