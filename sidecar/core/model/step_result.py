"""The result of one step of the loop: stored first, then told, then carried out."""

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import Transition


class StepResult(NamedTuple):
    """One turn of the loop, to be remembered.

    ``touched`` are the instances that may have changed; ``evidence`` comes with a
    remedy that has acted and after a page, JSON-ready and masked; ``messages`` are
    to be told.
    """

    event: Event
    transitions: tuple[Transition, ...]
    decisions: tuple[Decision, ...]
    touched: tuple[InstanceId, ...]
    state: State
    messages: tuple[Message, ...] = ()
    evidence: Mapping[str, object] | None = None
