"""Texts about each fault of a drill, for who is about to order one."""

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.core.model.drill_fault import DrillFault


class FaultTexts(NamedTuple):
    """Texts about a fault: what it touches, what Sidecar should do, and its end."""

    touches: str
    expects: str
    ends: str


_OWN = "only Sidecar's own connections to it"
_ALONE = "Sidecar restarts nothing"

FAULT_TEXTS: Mapping[DrillFault, FaultTexts] = {
    DrillFault.KILL: FaultTexts(
        "the container: its processes are killed (SIGKILL)",
        "Sidecar starts it again",
        "with that start; else the drill starts it",
    ),
    DrillFault.HANG: FaultTexts(
        "the container: its main process is stopped (SIGSTOP) and answers nobody",
        "Sidecar restarts it",
        "with that restart; else the drill continues the process (SIGCONT)",
    ),
    DrillFault.REFUSE: FaultTexts(
        f"{_OWN}: they are refused, as if nothing listened; clients are served until "
        "the restart",
        "Sidecar restarts it",
        "with that restart; else the drill lets connections through again",
    ),
    DrillFault.SLOW: FaultTexts(
        f"{_OWN}: answers come late; clients notice nothing",
        f"Sidecar warns that it is slow; {_ALONE}",
        "the drill ends the delay",
    ),
    DrillFault.UPSTREAM: FaultTexts(
        f"{_OWN}: the daemon's answers say that it has no server; clients notice "
        "nothing",
        f"Sidecar finds that the server is lost; {_ALONE}",
        "the drill passes on the real answers again",
    ),
    DrillFault.NETCUT: FaultTexts(
        "the container: it is disconnected from the networks that it shares with "
        "Sidecar, and clients on them do not reach it",
        f"Sidecar finds that the way to it is cut; {_ALONE}",
        "the drill connects it again, with the names and addresses that it was given",
    ),
    DrillFault.STOP: FaultTexts(
        "the container: it is stopped, as an operator does",
        "Sidecar leaves it stopped, as if an operator had stopped it",
        "the drill starts it again",
    ),
    DrillFault.PAUSE: FaultTexts(
        "the container: its processes are paused, as an operator does",
        "Sidecar leaves it paused, as if an operator had paused it",
        "the drill unpauses it",
    ),
}
"""A test fails for a fault without its texts."""

ADDRESSES_AT_RISK = (
    "; addresses that the daemon handed out since it last saved are lost"
)
LOSES_ADDRESSES = frozenset({DrillFault.KILL, DrillFault.STOP})
"""Faults in which a wallet daemon cannot save what it holds in memory.

A daemon that hangs is continued and asked to stop, so it saves.
"""
