"""Podman: its supported versions, and what Sidecar asks it otherwise than Docker."""

import re
from typing import NamedTuple

NAME = "Podman Engine"
_OLDEST, _UNTESTED = (4, 3), (6, 0)
"""4.3.1 and 5.4.2 are tested; a new major version may change what is not in the API."""
_TELLS_STOPS = (4, 7)
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")

OWN_ACTIONS = ("died", "remove")
"""Podman's own names of ``die`` and ``destroy``. Version 4.3 filters by them."""

PS_COLUMNS = "pid,ppid,state,args"
"""Columns that Podman reads itself. Otherwise it runs the container's own ``ps``."""

UNTOLD_STOPS = (
    "this version of Podman does not say whether somebody stopped a container: one "
    "that ends without a crash is not started again; Podman 4.7 and newer say it, see "
    "docs/engines.md"
)


class Podman(NamedTuple):
    """A version of Podman that Sidecar acts on."""

    version: tuple[int, int]

    @property
    def tells_stops(self) -> bool:
        """Does it say of a container whether somebody stopped or killed it?"""
        return self.version >= _TELLS_STOPS


def recognize(name: str, version: str) -> Podman | None:
    """Podman by the engine's name and version; None: another, or not supported."""
    numbers = _VERSION.match(version)
    if name != NAME or numbers is None:
        return None
    podman = Podman((int(numbers[1]), int(numbers[2])))
    return podman if _OLDEST <= podman.version < _UNTESTED else None
