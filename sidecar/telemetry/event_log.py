"""The log for people: one line for each event, with its reason."""

from loguru import logger

from sidecar.core.model.cause_rules import CAUSES
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
from sidecar.telemetry.action_verbs import VERBS
from sidecar.telemetry.drill_log import log_drill
from sidecar.telemetry.task_log import log_task_runs

_GOOD = frozenset(
    {
        TargetState.HEALTHY,
        TargetState.STARTING,
        TargetState.DRAINING,
        TargetState.RECOVERING,
    }
)


class EventLog:
    """Writes each step of the loop to the log, for people."""

    def __init__(self) -> None:
        self._engine: bool | None = None
        self._deaf = False
        self._other = ""

    def on_step(self, result: StepResult) -> None:
        """Log one step of the loop."""
        self._log_event(result.event, result.state)
        for transition in result.transitions:
            _log_transition(transition)
        for decision in result.decisions:
            _log_decision(decision)
        log_task_runs(result.task_runs)
        log_drill(result)

    def _log_event(self, event: Event, state: State) -> None:
        match event:
            case ProbeCompleted():
                _log_probe(event, state)
            case RemedyExecuted():
                _log_remedy_result(event, state)
            case RemedyProgressed():
                _log_progress(event, state)
            case EngineReachabilityChanged():
                self._log_engine(event)
            case (
                RestartRequested()
                | PauseRequested()
                | ResumeRequested()
                | RecoverRequested()
                | ReleaseRequested()
            ):
                logger.info("an operator asked: {}", _describe_request(event))
            case _:
                pass

    def _log_engine(self, event: EngineReachabilityChanged) -> None:
        self._log_deaf(event)
        if event.reachable and event.other != self._other:
            self._other = event.other
            _log_other(event.other)
        if event.reachable is self._engine:
            return
        if not event.reachable:
            logger.warning(
                "the engine is lost: {}; probing goes on, acting waits", event.reason
            )
        elif self._engine is False:
            logger.info("the engine is back; acting goes on")
        self._engine = event.reachable

    def _log_deaf(self, event: EngineReachabilityChanged) -> None:
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


def _log_other(engine: str) -> None:
    if engine:
        logger.warning(
            "the engine calls itself {}, which is not supported: it is only observed, "
            "nothing is restarted; see docs/engine-access.md",
            engine,
        )
    else:
        logger.info("the engine is Docker's again; acting goes on")


def log_restored(state: State) -> None:
    """Log the incidents and remedies that the previous process left open."""
    for incident in state.incidents.values():
        if incident.open:
            logger.bind(target=incident.target, incident=incident.id).info(
                "an incident is still open, {}; it goes on", incident.cause
            )
    for instance in state.restored_instances.values():
        if instance.remedy is not None:
            logger.bind(target=instance.name, incident=instance.incident).info(
                "a {} of it was under way when the sidecar before ended; "
                "it is finished, not begun again",
                instance.remedy.decision.action,
            )


def _log_transition(transition: Transition) -> None:
    match transition:
        case StateChanged():
            _log_state(transition)
        case RemedyEnded():
            _log_remedy_end(transition)
        case BalanceCompared():
            _log_balance(transition)
        case IncidentChanged():
            _log_incident(transition)


def _log_decision(decision: Decision) -> None:
    verb = VERBS[decision.action]
    level = "WARNING" if decision.action is Action.PAGE else "INFO"
    is_meant = decision.cause is not None and CAUSES[decision.cause].is_meant
    if decision.action is Action.PAGE and is_meant:
        verb, level = "for your information", "INFO"
    logger.bind(
        target=decision.name,
        incident=decision.incident,
        cause=decision.cause,
        action=decision.action,
        guard=None if decision.guard is Guard.NONE else decision.guard,
        trigger=decision.trigger,
    ).log(level, "{}: {}", verb, decision.reason)


def _log_probe(event: ProbeCompleted, state: State) -> None:
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


def _log_remedy_result(event: RemedyExecuted, state: State) -> None:
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


def _log_progress(event: RemedyProgressed, state: State) -> None:
    instance = state.instances.get(event.instance)
    logger.bind(
        target=instance.name if instance else event.instance.target,
        incident=instance.incident if instance else None,
    ).info("acting: {}", event.doing)


def _describe_request(
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


def _log_state(change: StateChanged) -> None:
    level = (
        "INFO"
        if change.new in _GOOD or change.new is TargetState.FAILING
        else "WARNING"
    )
    if change.new in {TargetState.DRAINING, TargetState.RECOVERING}:
        # The decision that led there says more.
        level = "DEBUG"
    logger.bind(
        target=change.name,
        incident=change.incident,
        cause=change.cause,
        state=change.new,
    ).log(level, "{}{}", _from_to(change), _because(change.reason))


def _from_to(change: StateChanged) -> str:
    """The state and the one before; only the cause may have changed."""
    return (
        f"still {change.new}"
        if change.new == change.old
        else f"{change.new} (was {change.old})"
    )


def _log_remedy_end(remedy: RemedyEnded) -> None:
    good = remedy.outcome is RemedyOutcome.RECOVERED
    since = f", {remedy.recovery_s:.1f} s after it failed" if remedy.recovery_s else ""
    logger.bind(
        target=remedy.name,
        incident=remedy.incident,
        cause=remedy.cause,
        action=remedy.action,
        trigger=remedy.trigger,
        outcome=remedy.outcome,
        seconds=round(remedy.seconds, 3),
    ).log(
        "INFO" if good else "WARNING",
        "{} ended: {} after {:.1f} s{}{}",
        remedy.action,
        remedy.outcome.replace("_", " "),
        remedy.seconds,
        since,
        _because(remedy.reason),
    )


def _log_balance(balance: BalanceCompared) -> None:
    """Log a comparison without amounts: a log has more readers than they may have."""
    different = balance.comparison is Comparison.DIFFERENT or balance.addresses_lost > 0
    logger.bind(
        target=balance.name,
        incident=balance.incident,
        comparison=balance.comparison,
    ).log("WARNING" if different else "INFO", "{}", balance.reason)


def _log_incident(change: IncidentChanged) -> None:
    level = "WARNING" if change.step is IncidentStep.OPENED else "INFO"
    logger.bind(target=change.target, incident=change.incident).log(
        level, "incident {}{}", change.step, _because(change.reason)
    )


def _because(reason: Reason) -> str:
    return f": {reason}" if reason else ""
