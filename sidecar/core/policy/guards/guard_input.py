"""The input of a guard: a remedy that is proposed, and what it takes to judge it."""

from dataclasses import dataclass

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target


@dataclass(frozen=True, slots=True)
class GuardInput:
    """A remedy that is wished for, and everything needed to judge it."""

    state: State
    instance: Instance
    target: Target
    at: Moment
    action: Action
    cause: Cause | None
    trigger: Trigger
    forced: bool = False
    """An operator said ``--now``: waiting times and budgets do not apply."""
    finishes: bool = False
    """What a dead predecessor began: it was allowed then."""
