"""This sidecar's location as messages name it, and its commands there.

Sidecar's image has no shell and no tools but Python.
"""

import json
import shlex
from typing import NamedTuple


class Installation(NamedTuple):
    """``stack`` is the compose project, ``host`` the engine's host; empty: unknown.

    ``container`` is Sidecar's own, empty outside one. ``takes_orders``: it
    accepts commands that change something, over the control socket or with the API
    token. ``service`` is its own in the compose file, ``state_dir`` its state
    directory; empty: unknown.
    """

    stack: str = ""
    host: str = ""
    container: str = ""
    takes_orders: bool = True
    service: str = ""
    state_dir: str = ""

    @property
    def command(self) -> str:
        """The start of Sidecar's own commands in a shell of the host."""
        return f"docker exec {self.container} sidecar" if self.container else "sidecar"

    @property
    def reload(self) -> str:
        """The command that reloads a changed configuration file."""
        if self.takes_orders:
            return f"{self.command} reload"
        if not self.container:
            return "pkill -HUP -x sidecar"
        return self._python("import os, signal; os.kill(1, signal.SIGHUP)")

    @property
    def disk_space(self) -> str:
        """The command that shows the space on the disk of the state directory."""
        if not self.state_dir:
            return "df -h"
        if not self.container:
            return f"df -h {shlex.quote(self.state_dir)}"
        folder = json.dumps(self.state_dir)
        return self._python(f"import shutil; print(shutil.disk_usage({folder}))")

    def _python(self, code: str) -> str:
        return f"docker exec {self.container} python3 -c {shlex.quote(code)}"

    def up(self, compose: str) -> str:
        """The command that creates Sidecar again after a change of its environment."""
        return f"{compose} up -d {self.service}".rstrip()

    def restart(self, target: str, container: str, *, recover: bool = False) -> str:
        """The command that starts a target again after a repair by a person."""
        if not self.takes_orders:
            return f"docker restart {container}"
        return f"{self.command} {'recover' if recover else 'restart'} {target}"
