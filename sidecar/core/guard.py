"""The guards: each returns why the remedy must wait, or None.

They are asked in the order of GUARDS; the first that objects gives the reason.
Maintenance windows and busy services join this table when they are built.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sidecar.core import brake, budget, permission, precedence, run, stops
from sidecar.core import own_network as own_network_rules
from sidecar.core.boot import in_start_period, start_period_s
from sidecar.core.container import Status
from sidecar.core.decision import Action, Guard, Trigger
from sidecar.core.health import may_return
from sidecar.core.judge import BROKEN
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, Cure
from sidecar.core.roots import is_failing, is_held, is_unproven, roots_of
from sidecar.core.state import CureKey, Instance, Phase, Settling, State
from sidecar.core.target import Target

_MINUTE = 60
_HOUR = 3600

STALE_VIEW_S = 90.0
"""Three missed listings."""

ENGINE_RESTART_WAIT_S = 30.0
"""How long the engine's own restart policy is given to bring a container back."""


@dataclass(frozen=True, slots=True)
class Case:
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


def span(seconds: float) -> str:
    """A time to wait, in words."""
    whole = max(0, round(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    return f"{whole / _HOUR:.1f} h"


def opted_out(case: Case) -> str | None:
    """The settings say that this target is only to be watched."""
    if case.target.restart.enabled or case.trigger is Trigger.OPERATOR:
        return None
    return "restarts are switched off for this target"


def paused(case: Case) -> str | None:
    """A person asked for quiet."""
    until = case.state.paused.get(case.instance.id.target)
    if until is None or case.forced:
        return None
    if until == float("inf"):
        return "acting is paused until an operator resumes it"
    return f"acting is paused for another {span(until - case.at.wall)}"


def engine(case: Case) -> str | None:
    """What we know of the containers is old."""
    view = case.state.engine
    if not view.reachable:
        return f"the engine is out of reach ({view.reason}); acting resumes with it"
    if view.listed_mono is None or case.at.mono - view.listed_mono > STALE_VIEW_S:
        return f"the list of containers is older than {STALE_VIEW_S:.0f} s"
    return None


def forbidden(case: Case) -> str | None:
    """The engine has said that it does not let us do this."""
    refusal = case.instance.refusal
    if refusal is None or case.trigger is Trigger.OPERATOR:
        return None
    if refusal.action is not case.action:
        return None
    if case.trigger is Trigger.PLANNED:
        # It works: to stop it, and not be let start it, would be our doing.
        return (
            f"the engine does not allow it ({refusal.reason}); it is asked again when "
            "an operator says restart"
        )
    wait = permission.wait_s(refusal, case.at)
    if wait <= 0:
        return None
    return (
        f"the engine does not allow it ({refusal.reason}); it is asked again in "
        f"{span(wait)}, or when an operator says restart"
    )


def own_network(case: Case) -> str | None:
    """It is not reached, and the fault is more likely ours."""
    loss = own_network_rules.loss_of(case.instance)
    if loss is None:
        return None
    blind = case.instance.health.blind
    if blind is not None and own_network_rules.is_blind(case.instance.health):
        return blind.reason
    others = {*own_network_rules.lost_with(case.state, case.instance, loss, case.at)}
    if not others:
        return None
    return (
        f"{len(others) + 1} targets are out of reach at once although the engine "
        "says that they run: our own network is suspect"
    )


def stopping(case: Case) -> str | None:
    """The engine tells of a stop when it is over; the signal comes at its begin."""
    if case.trigger is Trigger.OPERATOR:
        return None
    if stops.is_told_to_stop(case.instance, case.at.mono):
        return "somebody has just told it to stop: it is left to end"
    if stops.awaits_engines_word(case.instance, case.at.mono):
        return "somebody told it to stop and it ended: the engine's word is awaited"
    return None


def starting(case: Case) -> str | None:
    """It has not had its time to boot."""
    if case.forced or case.action is not Action.RESTART:
        return None
    if not in_start_period(case.instance, case.target, case.at.mono):
        return None
    whole_s = start_period_s(case.instance, case.target)
    left = whole_s - (case.at.mono - case.instance.run_mono)
    return f"it is starting; it has {span(left)} left to answer well"


def engine_restarts(case: Case) -> str | None:
    """The engine's own restart policy is at it: two hands would be one too many."""
    container = case.instance.container
    if container is None:
        return None
    if container.status is Status.RESTARTING:
        return "the engine is restarting it by its own policy"
    exited = case.instance.exited_mono
    if not container.engine_restarts_it or exited is None or case.forced:
        return None
    if run.stopped_by_person(case.instance):
        return None
    if case.at.mono - exited >= ENGINE_RESTART_WAIT_S:
        return None
    return f"the engine's policy {container.restart_policy} is to start it again"


def self_restart(case: Case) -> str | None:
    """What looked after the process that has gone may start it again by itself."""
    health = case.instance.health
    if not case.trigger.is_automatic or not may_return(health, case.at.mono):
        return None
    left = span((health.may_return_until_mono or 0.0) - case.at.mono)
    if health.gone_mono is not None:
        return f"what is left in the container has {left} to start it again by itself"
    return f"another process has taken its place and has {left} to answer"


def remedy_running(case: Case) -> str | None:
    """One remedy at a time in a stack; loading belongs to a restart's verification."""
    for other in case.state.instances.values():
        if other.remedy is None and other.loading is None:
            continue
        same = other.id == case.instance.id
        if same and case.finishes:
            continue
        if same and case.action is Action.LOAD_WALLET and _verifying(other):
            continue
        if not same and _does_not_hold(case, other):
            continue
        doing = other.remedy.decision.action if other.remedy else Action.LOAD_WALLET
        return f"{doing} of {other.name} is under way; one remedy at a time"
    plan = case.state.plan
    if plan is None or case.trigger is not Trigger.PLANNED:
        return None
    if case.finishes or case.instance.id in plan.left:
        return None
    return f"the planned restart of {plan.target} is under way; one at a time"


def _does_not_hold(case: Case, other: Instance) -> bool:
    """What was begun while another was verified may be finished while it is."""
    if case.finishes and precedence.is_only_verified(other):
        return True
    return precedence.gives_way(case.state, case.instance, other)


def _verifying(instance: Instance) -> bool:
    return instance.remedy is None or instance.remedy.phase is Phase.VERIFYING


def upstream(case: Case) -> str | None:
    """The fault may be, or is, that of something this target needs."""
    if case.forced or case.action is Action.LOAD_WALLET:
        return None
    for root in roots_of(case.state, case.target.name):
        objection = _blames(case, root)
        if objection is not None:
            return objection
    settling = case.instance.settling
    if case.instance.must_restart:
        return None
    if case.action is Action.START or case.trigger is Trigger.PLANNED:
        return None
    waits = follows(settling, case.at) if settling is not None else None
    if waits is not None or not case.trigger.is_automatic:
        return waits
    return precedence.waits_for_wallet(case.state, case.instance, case.at)


def follows(settling: Settling, at: Moment) -> str | None:
    """What is said while a dependent has its time to follow its root by itself."""
    if at.mono >= settling.until_mono:
        return None
    left = span(settling.until_mono - at.mono)
    return f"{settling.root} works again; this has {left} left to follow by itself"


def _blames(case: Case, root: Instance) -> str | None:
    if root.state in BROKEN:
        return f"{root.name} is {root.state} ({root.cause}): it comes first"
    if is_failing(root):
        return f"{root.name} is failing ({root.health.cause}): it comes first"
    if is_held(case.state, root, case.at):
        return (
            f"other calls hold the only thread of {root.name}, so it answers late: "
            "it comes first"
        )
    if not case.trigger.is_automatic:
        return None
    if is_unproven(case.state, root, case.instance, case.at):
        return f"{root.name} has not yet answered since this began: it is asked first"
    return None


def storm(case: Case) -> str | None:
    """Something is wrong that restarts do not cure: a person is needed."""
    if case.forced or case.action is Action.LOAD_WALLET:
        return None
    limits = brake.limits(case.state, case.target)
    used = brake.of_stack(case.state, case.at.mono)
    if used >= budget.STORM_LIMIT:
        return f"{used} restarts in this stack within the hour: no more for now"
    if used >= limits.of_stack:
        return (
            f"{used} restarts in this stack within the hour: what is left is kept for "
            "its roots"
        )
    used = brake.of_target(case.state, case.target, case.at.mono)
    if used < limits.of_target:
        return None
    return (
        f"{used} restarts of this target within the hour are its share: no more for now"
    )


def efficacy(case: Case) -> str | None:
    """A cure that never cured is not repeated; loading is bounded by its lane."""
    if case.cause is None or case.trigger is not Trigger.FAILURE:
        return None
    if case.action is Action.LOAD_WALLET:
        return None
    key = CureKey(case.target.name, case.cause, Cure(case.action.value))
    record = case.state.ledger.get(key)
    tried_now = case.instance.lane.tries > 0
    if record is None or not budget.hopeless(record, tried_now=tried_now):
        return None
    return (
        f"{case.action} was tried {record.tries} times in {record.outages} outages "
        f"against {case.cause} and never helped; it waits for a person to say recover"
    )


def backoff(case: Case) -> str | None:
    """Tries are spaced out."""
    lane = _lane(case)
    wait = lane.not_before - case.at.mono
    is_fast = lane.name is budget.LaneName.FAST
    if not case.trigger.is_automatic or not is_fast or wait <= 0:
        return None
    how = "could not be sent" if lane.unsent else "did not help"
    return f"the last try {how}; the next is in {span(wait)}"


def spent(case: Case) -> str | None:
    """Tries are limited: the slow lane follows, then a person."""
    lane = _lane(case)
    settings = case.target.restart
    if not case.trigger.is_automatic:
        return None
    if lane.name is budget.LaneName.DEAD_LETTER:
        return "every try is used up; it waits for a person to say recover"
    loads = case.action is Action.LOAD_WALLET
    used = budget.in_window(lane, settings, case.at.mono)
    if lane.name is budget.LaneName.FAST and used >= settings.budget and not loads:
        return f"{used} tries within {span(settings.window_s)} are the limit"
    wait = lane.not_before - case.at.mono
    if lane.name is not budget.LaneName.SLOW or wait <= 0:
        return None
    tries = len(lane.spent) if loads else settings.budget
    return (
        f"{tries} tries did not help, so they come further apart: "
        f"the next is in {span(wait)}"
    )


def _lane(case: Case) -> budget.Lane:
    load = case.action is Action.LOAD_WALLET
    return case.instance.load_lane if load else case.instance.lane


def recent(case: Case) -> str | None:
    """A planned restart is not worth it right after another restart."""
    settings = case.target.preventive
    if case.trigger is not Trigger.PLANNED or settings is None:
        return None
    ago = case.at.mono - case.instance.run_mono
    if ago >= settings.skip_if_restarted_within_s:
        return None
    return f"it was restarted {span(ago)} ago"


def observe(case: Case) -> str | None:
    """Asked last, so that the other reasons are heard in observe mode too."""
    if case.state.mode_in_force == "act":
        return None
    other = case.state.engine.other
    if other and case.state.mode == "act":
        return (
            f"{other} is no supported engine, only observed: it would now {case.action}"
        )
    return f"observe mode: it would now {case.action}"


GUARDS: tuple[tuple[Guard, Callable[[Case], str | None]], ...] = (
    (Guard.OPTED_OUT, opted_out),
    (Guard.PAUSED, paused),
    (Guard.ENGINE, engine),
    (Guard.FORBIDDEN, forbidden),
    (Guard.OWN_NETWORK, own_network),
    (Guard.STOPPING, stopping),
    (Guard.STARTING, starting),
    (Guard.ENGINE_RESTARTS, engine_restarts),
    (Guard.SELF_RESTART, self_restart),
    (Guard.REMEDY_RUNNING, remedy_running),
    (Guard.UPSTREAM, upstream),
    (Guard.STORM, storm),
    (Guard.EFFICACY, efficacy),
    (Guard.BACKOFF, backoff),
    (Guard.BUDGET, spent),
    (Guard.RECENT, recent),
    (Guard.OBSERVE, observe),
)


_OF_THE_ENGINE = frozenset(
    {
        Guard.ENGINE,
        Guard.FORBIDDEN,
        Guard.ENGINE_RESTARTS,
        Guard.REMEDY_RUNNING,
        Guard.OBSERVE,
    }
)
_OF_PEOPLE = frozenset({Guard.OPTED_OUT, Guard.PAUSED})


def _asked_again(case: Case) -> frozenset[Guard]:
    """Whom what was allowed once, to a predecessor that then died, must still pass.

    What does not run is started even while acting is paused.
    """
    if case.action is Action.START:
        return _OF_THE_ENGINE
    return _OF_THE_ENGINE | _OF_PEOPLE


def objection(case: Case) -> tuple[Guard, str] | None:
    """The first guard that objects, with its reason."""
    for guard, ask in GUARDS:
        if case.action is Action.STOP and guard not in _OF_THE_ENGINE:
            continue
        if case.finishes and guard not in _asked_again(case):
            continue
        reason = ask(case)
        if reason is not None:
            return guard, reason
    return None
