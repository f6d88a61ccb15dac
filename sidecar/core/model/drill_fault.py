"""The faults of drills, by their public names."""

from enum import StrEnum
from typing import NamedTuple, Self


class DrillFaultRule(NamedTuple):
    """Properties of a fault.

    ``is_cured``: Sidecar has to cure it, by a start or a restart. Otherwise Sidecar has
    to notice it and to leave the target alone; the drill ends it.
    ``on_connections``: only Sidecar's own connections to the target are disturbed; the
    container and its other clients are not.
    ``interrupts``: the target serves its clients for a while less, or not at all.
    """

    is_cured: bool = False
    on_connections: bool = False
    interrupts: bool = True
    needs_wallet: bool = False


class DrillFault(StrEnum):
    """Public names of the faults."""

    rule: DrillFaultRule

    def __new__(cls, name: str, rule: DrillFaultRule = DrillFaultRule()) -> Self:  # noqa: B008
        """A member with its rule; its value is the name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.rule = rule
        return member

    KILL = "kill", DrillFaultRule(is_cured=True)
    """The container is killed."""
    HANG = "hang", DrillFaultRule(is_cured=True)
    """The main process is stopped by a signal: it answers nothing."""
    REFUSE = "refuse", DrillFaultRule(is_cured=True, on_connections=True)
    """Connections of Sidecar to this run of the container are refused."""
    SLOW = "slow", DrillFaultRule(on_connections=True, interrupts=False)
    """Answers to Sidecar come late."""
    UPSTREAM = (
        "upstream",
        DrillFaultRule(on_connections=True, interrupts=False, needs_wallet=True),
    )
    """The wallet daemon seems to have no server, in its answers to Sidecar."""
    NETCUT = "netcut", DrillFaultRule()
    """The container leaves the networks that it shares with Sidecar."""
    STOP = "stop", DrillFaultRule()
    """The container is stopped, as an operator does."""
    PAUSE = "pause", DrillFaultRule()
    """The container is paused, as an operator does."""
