"""The story for people: one line for each thing that happened, and why."""

from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    Event,
    PauseRequested,
    ProbeCompleted,
    RecoverRequested,
    ReleaseRequested,
    RemedyCallResult,
    RemedyExecuted,
    RemedyProgressed,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import (
    BalanceCompared,
    Comparison,
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
    StateChanged,
    Transition,
)
from sidecar.core.reason.reason import Reason
from sidecar.core.text.formatting import rfc3339

_GOOD = frozenset({TargetState.HEALTHY, TargetState.STARTING, TargetState.RECOVERING})
_VERBS = {
    Action.START: "starting it",
    Action.RESTART: "restarting it",
    Action.LOAD_WALLET: "loading its wallet",
    Action.STOP: "stopping it again",
    Action.LOOK: "looking into it",
    Action.HOLD: "holding",
    Action.PAGE: "a person is needed",
    Action.SKIP: "skipping",
}
_KNOWN_TO_PEOPLE = frozenset({Cause.STOPPED, Cause.PAUSED})
"""They did it themselves."""


class EventLog:
    """Told of every turn; writes what a person wants to know."""

    def __init__(self) -> None:
        self._engine: bool | None = None
        self._deaf = False
        self._other = ""

    def on_step(self, result: StepResult) -> None:
        """Write one turn of the loop."""
        self._tell_event(result.event, result.state)
        for transition in result.transitions:
            _tell_transition(transition)
        for decision in result.decisions:
            _tell_decision(decision)

    def _tell_event(self, event: Event, state: State) -> None:
        match event:
            case ProbeCompleted():
                _tell_probe(event, state)
            case RemedyExecuted():
                _tell_acted(event, state)
            case RemedyProgressed():
                _tell_progress(event, state)
            case EngineReachabilityChanged():
                self._tell_engine(event)
            case (
                RestartRequested()
                | PauseRequested()
                | ResumeRequested()
                | RecoverRequested()
                | ReleaseRequested()
            ):
                logger.info("an operator asked: {}", _wish(event))
            case _:
                pass

    def _tell_engine(self, event: EngineReachabilityChanged) -> None:
        self._tell_deaf(event)
        if event.reachable and event.other != self._other:
            self._other = event.other
            _tell_other(event.other)
        if event.reachable is self._engine:
            return
        if not event.reachable:
            logger.warning(
                "the engine is lost: {}; probing goes on, acting waits", event.reason
            )
        elif self._engine is False:
            logger.info("the engine is back; acting goes on")
        self._engine = event.reachable

    def _tell_deaf(self, event: EngineReachabilityChanged) -> None:
        if bool(event.deaf) is self._deaf:
            return
        self._deaf = bool(event.deaf)
        if self._deaf:
            logger.warning(
                "{}; containers are judged by the list alone: say `sidecar pause` "
                "before you stop one",
                event.deaf,
            )
        else:
            logger.info("the engine's events are heard")


def _tell_other(engine: str) -> None:
    if engine:
        logger.warning(
            "the engine calls itself {}, which is not supported: it is only observed, "
            "nothing is restarted; see docs/engine-access.md",
            engine,
        )
    else:
        logger.info("the engine is Docker's again; acting goes on")


def log_restored(state: State) -> None:
    """What a sidecar before us left open, and we go on with."""
    for incident in state.incidents.values():
        if incident.open:
            logger.bind(target=incident.target, incident=incident.id).info(
                "an incident is still open, {}; it goes on", incident.cause
            )
    for instance in state.left.values():
        if instance.remedy is not None:
            logger.bind(target=instance.name, incident=instance.incident).info(
                "a {} of it was under way when the sidecar before ended; "
                "it is finished, not begun again",
                instance.remedy.decision.action,
            )


def _tell_transition(what: Transition) -> None:
    match what:
        case StateChanged():
            _tell_state(what)
        case RemedyEnded():
            _tell_ended(what)
        case BalanceCompared():
            _tell_balance(what)
        case IncidentChanged():
            _tell_incident(what)


def _tell_decision(decision: Decision) -> None:
    verb = _VERBS[decision.action]
    level = "WARNING" if decision.action is Action.PAGE else "INFO"
    if decision.action is Action.PAGE and decision.cause in _KNOWN_TO_PEOPLE:
        verb, level = "for your information", "INFO"
    logger.bind(
        target=decision.name,
        incident=decision.incident,
        cause=decision.cause,
        action=decision.action,
        guard=None if decision.guard is Guard.NONE else decision.guard,
        trigger=decision.trigger,
    ).log(level, "{}: {}", verb, decision.reason)


def _tell_probe(event: ProbeCompleted, state: State) -> None:
    instance = state.instances.get(event.instance)
    logger.bind(
        target=instance.name if instance else event.instance.target,
        cause=event.outcome.cause,
    ).debug(
        "probe: {} in {:.3f} s {}",
        event.outcome.verdict,
        event.at.mono - event.began_mono,
        event.outcome.reason,
    )


def _tell_acted(event: RemedyExecuted, state: State) -> None:
    instance = state.instances.get(event.instance)
    level = "INFO" if event.result is RemedyCallResult.DONE else "WARNING"
    next_step = {
        RemedyCallResult.DONE: "now the probes judge",
        RemedyCallResult.UNKNOWN: (
            "whether it happened is unknown, the probes will tell"
        ),
        RemedyCallResult.FAILED: "it did not work",
        RemedyCallResult.NOT_SENT: "nothing was sent, nothing is counted",
        RemedyCallResult.REFUSED: "nothing is counted; see docs/engine-access.md",
    }[event.result]
    logger.bind(
        target=instance.name if instance else event.instance.target,
        incident=instance.incident if instance else None,
        result=event.result,
    ).log(level, "acted: {}; {}", event.reason or event.result, next_step)


def _tell_progress(event: RemedyProgressed, state: State) -> None:
    instance = state.instances.get(event.instance)
    logger.bind(
        target=instance.name if instance else event.instance.target,
        incident=instance.incident if instance else None,
    ).info("acting: {}", event.doing)


def _wish(
    event: RestartRequested
    | PauseRequested
    | ResumeRequested
    | RecoverRequested
    | ReleaseRequested,
) -> str:
    match event:
        case RestartRequested(target=target, now=now):
            return f"a restart of {target}{' at once' if now else ''}"
        case PauseRequested(targets=targets, until_wall=until):
            end = f"until {rfc3339(until)}" if until is not None else "until resumed"
            return f"a pause of {', '.join(targets)} {end}"
        case ResumeRequested(targets=targets):
            return f"to resume {', '.join(targets)}"
        case RecoverRequested(target=target):
            return f"to forget the spent restarts of {target}"
        case ReleaseRequested(target=target):
            return f"to give up the remedy of {target}"


def _tell_state(what: StateChanged) -> None:
    level = (
        "INFO" if what.new in _GOOD or what.new is TargetState.FAILING else "WARNING"
    )
    if what.new is TargetState.RECOVERING:
        # The decision that led there says more.
        level = "DEBUG"
    logger.bind(
        target=what.name, incident=what.incident, cause=what.cause, state=what.new
    ).log(level, "{}{}", _from_to(what), _because(what.reason))


def _from_to(what: StateChanged) -> str:
    """Only the cause may have changed."""
    return (
        f"still {what.new}" if what.new == what.old else f"{what.new} (was {what.old})"
    )


def _tell_ended(what: RemedyEnded) -> None:
    good = what.outcome is RemedyOutcome.RECOVERED
    since = f", {what.recovery_s:.1f} s after it failed" if what.recovery_s else ""
    logger.bind(
        target=what.name,
        incident=what.incident,
        cause=what.cause,
        action=what.action,
        trigger=what.trigger,
        outcome=what.outcome,
        seconds=round(what.seconds, 3),
    ).log(
        "INFO" if good else "WARNING",
        "{} ended: {} after {:.1f} s{}{}",
        what.action,
        what.outcome.replace("_", " "),
        what.seconds,
        since,
        _because(what.reason),
    )


def _tell_balance(what: BalanceCompared) -> None:
    """Without amounts: a log goes further than they should."""
    different = what.comparison is Comparison.DIFFERENT or what.addresses_lost > 0
    logger.bind(
        target=what.name, incident=what.incident, comparison=what.comparison
    ).log("WARNING" if different else "INFO", "{}", what.reason)


def _tell_incident(what: IncidentChanged) -> None:
    level = "WARNING" if what.step is IncidentStep.OPENED else "INFO"
    logger.bind(target=what.target, incident=what.incident).log(
        level, "incident {}{}", what.step, _because(what.reason)
    )


def _because(reason: Reason) -> str:
    return f": {reason}" if reason else ""
