"""Where this sidecar is, as messages name it, and how it is called there."""

from typing import NamedTuple


class Installation(NamedTuple):
    """``stack`` is the compose project, ``host`` the engine's host; empty: not known.

    ``container`` is Sidecar's own, empty outside one. ``takes_orders``: it has an API
    token, without which it refuses commands that change something.
    """

    stack: str = ""
    host: str = ""
    container: str = ""
    takes_orders: bool = True

    @property
    def command(self) -> str:
        """How Sidecar's own commands begin in a shell of the host."""
        return f"docker exec {self.container} sidecar" if self.container else "sidecar"

    @property
    def reload(self) -> str:
        """Takes a changed file."""
        if self.takes_orders:
            return f"{self.command} reload"
        inside = f"docker exec {self.container} " if self.container else ""
        return f"{inside}kill -HUP 1" if inside else "pkill -HUP -x sidecar"

    def restart(self, target: str, container: str, *, recover: bool = False) -> str:
        """Starts a target again that a person has looked after."""
        if not self.takes_orders:
            return f"docker restart {container}"
        return f"{self.command} {'recover' if recover else 'restart'} {target}"
