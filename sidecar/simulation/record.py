"""The record of a simulation: facts in order, and the states of each target."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.guard import Guard
from sidecar.core.model.message import Message
from sidecar.core.model.scenario import ScenarioAct
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target_state import SERVING_STATES, TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    StateChanged,
    Transition,
)

_RESTARTS = frozenset({Action.START, Action.RESTART, Action.RECREATE})


class SimulatedFact(NamedTuple):
    """One line of the timeline. ``kind``: act, state, decision, remedy, incident or
    message.
    """

    at_s: float
    target: str
    kind: str
    text: str


class StatePeriod(NamedTuple):
    """An instance was in a state from ``begin_s`` to ``end_s``."""

    begin_s: float
    end_s: float
    state: TargetState


@dataclass
class SimulationRecord:
    """A listener to steps; all times are seconds since the begin at ``began_mono``."""

    began_mono: float
    facts: list[SimulatedFact] = field(default_factory=list)
    restarts: Counter[str] = field(default_factory=Counter)
    """Numbers of restarts by instance."""
    restart_times: list[tuple[float, str]] = field(default_factory=list)
    """Time and instance of each restart."""
    guards: dict[str, set[Guard]] = field(default_factory=dict)
    causes: dict[str, list[Cause]] = field(default_factory=dict)
    """Causes of the incidents by their root."""
    message_count: Counter[str] = field(default_factory=Counter)
    """Numbers of messages by the target that they are about."""
    message_times: list[tuple[float, str]] = field(default_factory=list)
    """Time and target of each message."""
    _changes: dict[str, list[tuple[float, TargetState]]] = field(default_factory=dict)

    def note_act(self, at_mono: float, act: ScenarioAct, text: str) -> None:
        """An act of the scenario."""
        self._add(at_mono, getattr(act, "target", ""), "act", text)

    def note_state(self, at_s: float, name: str, state: TargetState) -> None:
        """An instance has a state from now on."""
        self._changes.setdefault(name, []).append((at_s, state))

    def on_step(self, result: StepResult) -> None:
        """Note what a step changed."""
        at_mono = result.event.at.mono
        for transition in result.transitions:
            self._note_transition(at_mono, transition, result)
        for decision in result.decisions:
            self._note_decision(at_mono, decision)
        for message in result.messages:
            self._note_message(at_mono, message)

    def periods_of(self, name: str, end_s: float) -> Iterator[StatePeriod]:
        """The states of an instance from the begin to ``end_s``."""
        changes = [(0.0, TargetState.UNKNOWN), *self._changes.get(name, ())]
        ends = [*(at_s for at_s, _ in changes[1:]), end_s]
        for (began_s, state), ended_s in zip(changes, ends, strict=True):
            begin_s, until_s = max(0.0, began_s), min(end_s, ended_s)
            if until_s > begin_s:
                yield StatePeriod(begin_s, until_s, state)

    def unavailable_s(self, name: str, end_s: float) -> float:
        """The seconds in which an instance was known not to serve."""
        unmeasured = {TargetState.UNKNOWN, TargetState.STARTING}
        return sum(
            period.end_s - period.begin_s
            for period in self.periods_of(name, end_s)
            if period.state not in SERVING_STATES | unmeasured
        )

    def _note_transition(
        self, at_mono: float, transition: Transition, result: StepResult
    ) -> None:
        match transition:
            case StateChanged():
                at_s = at_mono - self.began_mono
                self.note_state(at_s, transition.name, transition.new)
                text = f"{transition.new}: {transition.reason}"
                self._add(at_mono, transition.name, "state", text.removesuffix(": "))
            case RemedyEnded():
                outcome = transition.outcome.replace("_", " ")
                text = (
                    f"{transition.action}: {outcome} after {transition.seconds:.0f} s"
                )
                self._add(at_mono, transition.name, "remedy", text)
            case IncidentChanged():
                self._note_incident(at_mono, transition, result)
            case _:
                pass

    def _note_incident(
        self, at_mono: float, change: IncidentChanged, result: StepResult
    ) -> None:
        if change.step is IncidentStep.OPENED:
            incident = result.state.incidents[change.incident]
            self.causes.setdefault(change.target, []).append(incident.cause)
        text = f"{change.step}: {change.reason}".removesuffix(": ")
        self._add(at_mono, change.target, "incident", text)

    def _note_decision(self, at_mono: float, decision: Decision) -> None:
        if decision.action in _RESTARTS:
            self.restarts[decision.name] += 1
            self.restart_times.append((at_mono - self.began_mono, decision.name))
        if decision.guard is not Guard.NONE:
            self.guards.setdefault(decision.name, set()).add(decision.guard)
        text = f"{decision.action}: {decision.reason}"
        self._add(at_mono, decision.name, "decision", text)

    def _note_message(self, at_mono: float, message: Message) -> None:
        target = message.facts.get("target", "")
        self.message_count[target] += 1
        self.message_times.append((at_mono - self.began_mono, target))
        text = f"{message.severity} {message.kind} to {message.channel}"
        self._add(at_mono, target, "message", text)

    def _add(self, at_mono: float, target: str, kind: str, text: str) -> None:
        at_s = at_mono - self.began_mono
        self.facts.append(SimulatedFact(at_s, target, kind, text))
