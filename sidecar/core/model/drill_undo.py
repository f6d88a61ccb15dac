"""The undo of a drill: it ends the fault, and is stored before the fault is made."""

from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.container import RunId


class CutNetwork(NamedTuple):
    """A network that a container leaves.

    ``settings``: what the container was given there (aliases, chosen addresses), as
    JSON of the engine's API.
    """

    network_id: str
    name: str
    settings: str = "{}"


@dataclass(frozen=True, slots=True)
class DrillUndo:
    """The subject of a drill as it was before, by ids: names pass to newer containers.

    ``name``: the container's own; another one now means that a newer container has
    taken its place. ``by_command``: the processes are stopped and continued by a
    command in the container, as its main process only waits for them.
    """

    run: RunId
    name: str
    networks: tuple[CutNetwork, ...] = ()
    by_command: bool = False
