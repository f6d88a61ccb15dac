"""The decision about an instance: act, hold or tell a person, always with a reason."""

from dataclasses import dataclass
from enum import StrEnum

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.guard import Guard
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import Reason


class Action(StrEnum):
    """Action of a decision.

    DRAIN keeps new requests away from a replica, whose restart follows. RECREATE
    replaces the container by an equal one, or ends such a replacement. STOP only
    restores a person's stop that our restart had undone. LOOK inspects the
    processes of a silent container; it changes nothing.
    """

    START = "start"
    DRAIN = "drain"
    RESTART = "restart"
    RECREATE = "recreate"
    LOAD_WALLET = "load_wallet"
    STOP = "stop"
    LOOK = "look"
    HOLD = "hold"
    PAGE = "page"
    SKIP = "skip"

    @property
    def changes_something(self) -> bool:
        """Is this action a remedy, and not an inspection, a page or a refusal?"""
        return self in {
            Action.START,
            Action.DRAIN,
            Action.RESTART,
            Action.RECREATE,
            Action.LOAD_WALLET,
            Action.STOP,
        }


class Trigger(StrEnum):
    """Origin of the request for a remedy."""

    FAILURE = "failure"
    PLANNED = "planned"
    OPERATOR = "operator"
    DEPENDENCY = "dependency"

    @property
    def is_automatic(self) -> bool:
        """Was the remedy neither requested nor planned? Only such tries are counted."""
        return self in {Trigger.FAILURE, Trigger.DEPENDENCY}


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision of the watchdog about one instance.

    ``reason`` is complete, without secrets, and says what happens next.
    ``cause`` is the treated cause; None for planned and operator's restarts.
    ``run`` is the run that was judged: a remedy for an older run is not sent.
    ``stop_timeout_s`` and ``polite_stop_s`` are options of the restart: the latter is
    the time for a daemon to answer, before a signal is sent; 0: the signal is sent at
    once. It is also the timeout of a load. ``wallets`` are the paths to load; none:
    the default wallet. Of a recreate: those that must not lie in the container itself.
    ``process_gone``: the reason is that the serving process has
    gone; if another process has replaced it, the restart is not carried out.
    ``settles``: it ends an earlier recreate, forward or back, and recreates nothing.
    """

    at: Moment
    instance: InstanceId
    name: str
    action: Action
    guard: Guard
    reason: Reason
    cause: Cause | None = None
    trigger: Trigger = Trigger.FAILURE
    run: RunId | None = None
    stop_timeout_s: float = 0.0
    polite_stop_s: float = 0.0
    wallets: tuple[str, ...] = ()
    incident: str | None = None
    process_gone: bool = False
    forced: bool = False
    """An operator used ``--now``."""
    settles: bool = False
    drain_s: float = 0.0
    """Longest duration of a drain."""
    drained: bool = False
    """It ends a drain: by the restart, or without it."""
    lease_token: int = 0
    """The fencing token of the lease; 0: it was decided without one."""
    begun: tuple[float, ...] = ()
    """Start times of the runs whose log is evidence, by the engine's clock."""
