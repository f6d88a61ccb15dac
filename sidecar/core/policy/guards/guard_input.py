"""Input of the guards: a proposed remedy with its context."""

from dataclasses import dataclass

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target


@dataclass(frozen=True, slots=True)
class GuardInput:
    """A proposed remedy with everything that the guards need."""

    state: State
    instance: Instance
    target: Target
    at: Moment
    action: Action
    cause: Cause | None
    trigger: Trigger
    forced: bool = False
    """An operator used ``--now``: waiting times and budgets do not apply."""
    finishes: bool = False
    """It finishes a remedy of a dead predecessor, which was permitted then."""
    drained: bool = False
    """The replica has been drained for it."""
    settles: bool = False
    """It ends a recreate, forward or back: nothing is to stay half done."""
