"""The decision about an instance: act, hold or tell a person, always with a reason."""

from dataclasses import dataclass
from enum import StrEnum

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.guard import (
    Guard,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import Reason


class Action(StrEnum):
    """STOP only undoes what a restart of ours did to a person's stop. LOOK looks
    into a silent container; it changes nothing.
    """

    START = "start"
    RESTART = "restart"
    LOAD_WALLET = "load_wallet"
    STOP = "stop"
    LOOK = "look"
    HOLD = "hold"
    PAGE = "page"
    SKIP = "skip"

    @property
    def changes_something(self) -> bool:
        """Is this a remedy, rather than a look, a word or a refusal?"""
        return self in {
            Action.START,
            Action.RESTART,
            Action.LOAD_WALLET,
            Action.STOP,
        }


class Trigger(StrEnum):
    """Who or what asked for the remedy."""

    FAILURE = "failure"
    PLANNED = "planned"
    OPERATOR = "operator"
    DEPENDENCY = "dependency"

    @property
    def is_automatic(self) -> bool:
        """Did nobody ask for it, nor plan it? Only such tries are counted."""
        return self in {Trigger.FAILURE, Trigger.DEPENDENCY}


@dataclass(frozen=True, slots=True)
class Decision:
    """One sentence of the watchdog.

    ``reason`` is complete, without secrets, and says what happens next.
    ``cause`` is what is being treated; None for planned and operator's restarts.
    ``run`` is the run that was judged: a remedy for an older run is not sent.
    ``stop_timeout_s`` and ``polite_stop_s`` say how the restart is to be done: the
    latter is how long a daemon is given to answer, before a signal is sent; 0: it is
    sent at once. A load is given up after it. ``wallets`` are the paths to load; none:
    the default wallet. ``process_gone``: the reason is that the process that served
    has gone; where another has taken its place it is not carried out.
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
    begun: tuple[float, ...] = ()
    """When the runs began whose log is its evidence, by the engine's clock."""
