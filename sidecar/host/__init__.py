"""The host's processes, where Sidecar is allowed to see them (``pid: host``)."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.core.model.target import InstanceId

if TYPE_CHECKING:
    from sidecar.host.view import HostView

PROC = Path("/proc")


def open_view(
    on_death: Callable[[InstanceId], None], proc: Path = PROC
) -> "HostView | None":
    """A view of the host's processes; None where only our own can be seen.

    ``on_death`` is called when the last followed process has ended.
    """
    if not _sees_others(proc):
        return None
    from sidecar.host.view import HostView  # noqa: PLC0415 - few let us see the host

    return HostView(on_death, proc)


def _sees_others(proc: Path) -> bool:
    """Is process 1 outside our own container?"""
    try:
        first = (proc / "1" / "cgroup").read_text()
        return first != (proc / "self" / "cgroup").read_text()
    except OSError:
        return False
