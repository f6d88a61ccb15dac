"""Scenarios of the simulator: what happens to a stack, and what is expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.guard import Guard
from sidecar.core.model.target_state import TargetState

NOT_PROBED = frozenset(
    {
        Cause.STOPPED,
        Cause.PAUSED,
        Cause.MISSING,
        Cause.CRASH_LOOP,
        Cause.NOT_RUNNING,
        Cause.NEVER_UP,
        Cause.ADDRESSES_LOST,
        Cause.WALLET_DAMAGED,
        Cause.HOST_OVERLOADED,
        Cause.OWN_NETWORK,
        Cause.SUSPENDED,
    }
)
"""Causes that no probe of one target finds: a simulated probe cannot fail with them."""


class ServiceBehaviour(NamedTuple):
    """Behaviour of a target's containers.

    ``boot_s``: from the start to the first answer. ``stop_s``: from the request to stop
    to the exit. ``is_restarted``: the engine's own policy starts it again.
    ``loads_wallet``: a wallet daemon loads its wallet by itself.
    """

    boot_s: float = 5.0
    stop_s: float = 1.0
    replicas: int = 1
    is_restarted: bool = True
    loads_wallet: bool = False


class Failure(NamedTuple):
    """A target fails its probes with ``cause``.

    It ends after ``restarts`` restarts, or after ``duration_s``, whichever is first.
    None: not by that. ``replica`` None: every replica fails.
    """

    target: str
    cause: Cause
    restarts: int | None = 1
    duration_s: float | None = None
    replica: int | None = None


class ContainerExit(NamedTuple):
    """A container exits by itself."""

    target: str
    exit_code: int = 1
    replica: int = 1


class OperatorAct(StrEnum):
    """Act of an operator: on the engine, or an order to Sidecar."""

    STOP = "stop"
    START = "start"
    RESTART = "restart"
    PAUSE = "pause"
    RESUME = "resume"
    RECOVER = "recover"


class OperatorStep(NamedTuple):
    """An operator acts on a target. STOP and START are those of the engine."""

    target: str
    act: OperatorAct


class EngineLoss(NamedTuple):
    """The engine does not answer for a time."""

    duration_s: float


class BusyTime(NamedTuple):
    """A target says for a time that it is busy."""

    target: str
    duration_s: float


ScenarioAct = Failure | ContainerExit | OperatorStep | EngineLoss | BusyTime


class ScenarioStep(NamedTuple):
    """An act, ``at_s`` after the begin."""

    at_s: float
    act: ScenarioAct


class Expectation(NamedTuple):
    """Conditions at the end; only those that are not None are checked.

    ``unavailable_s``: the target did not work for at most so long. ``guard``: it
    objected at least once. ``causes``: those of the incidents, in order. Without
    ``target``, ``messages`` and ``restarts`` are of the whole stack. ``order``: the
    names of the instances that were restarted, one for each restart, in order.
    ``no_restart_before_s``, ``no_message_before_s``: nothing of that kind came before
    that time after the begin.
    """

    target: str | None = None
    restarts: int | None = None
    state: TargetState | None = None
    unavailable_s: float | None = None
    guard: Guard | None = None
    causes: tuple[Cause, ...] | None = None
    messages: int | None = None
    order: tuple[str, ...] | None = None
    no_restart_before_s: float | None = None
    no_message_before_s: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A simulated time: behaviour, acts in order of time, and expectations."""

    duration_s: float
    began_wall: float
    services: Mapping[str, ServiceBehaviour] = field(default_factory=dict)
    steps: tuple[ScenarioStep, ...] = ()
    expectations: tuple[Expectation, ...] = ()
