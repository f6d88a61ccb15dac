"""The lease of several watchdogs: its settings, and what one of them knows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from sidecar.core.model.moment import Moment


class OnLost(StrEnum):
    """The behaviour of a watchdog while Redis does not answer."""

    ACT = "act"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Several watchdogs of one stack, which agree through Redis.

    ``quorum``: the number of watchdogs that must see a target down before one acts.
    """

    redis_url: str = field(repr=False)
    quorum: int = 1
    lease_s: float = 15.0
    on_lost: OnLost = OnLost.ACT


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """The lease as one watchdog knows it; times are of its own monotonic clock.

    ``own_name``: its name for people. ``token``: the fencing token of its own lease;
    0: it holds none. ``until_mono``: its lease is valid until then.
    ``act_from_mono``: it may act from then on; a call of an earlier holder may last
    until then. ``holder``: the other watchdog that holds the lease; "": none is known.
    ``lost``: why Redis does not answer; "": it does. ``asked``: Redis has answered
    once. ``rank``: its place in the order of those that act without Redis; 0: no other
    watchdog was seen lately. ``views``: the targets that other watchdogs see down.
    """

    settings: ClusterSettings
    own_name: str
    token: int = 0
    until_mono: float = 0.0
    act_from_mono: float = 0.0
    holder: str = ""
    lost: str = ""
    asked: bool = False
    since: Moment = Moment(0.0, 0.0)
    """The last change of the holder, or of whether Redis answers."""
    rank: int = 2
    views: Mapping[str, frozenset[str]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    highest_token: int = 0
    """The highest fencing token that it has seen, of whichever watchdog."""
    ahead_s: float | None = None
    """Redis's wall clock minus its own monotonic clock; None: not known."""
