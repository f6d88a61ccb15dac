"""What is to be done about one instance now: act, hold or tell a person."""

from dataclasses import dataclass, replace

from sidecar.core import loop, own_network, run, run_log, wallets
from sidecar.core.boot import is_late
from sidecar.core.container import RunId
from sidecar.core.decision import Action, Decision, Guard, Trigger
from sidecar.core.gone import is_to_be_looked_for
from sidecar.core.guard import Case, follows, objection, span
from sidecar.core.health import Health, is_certain, is_gone, silence_allowed_s
from sidecar.core.judge import (
    WORKING,
    blind_for_long,
    current_cause,
    last_reason,
    may_report,
    unfinished_redeploy,
)
from sidecar.core.loads import is_seen_since
from sidecar.core.manner import (
    is_called_off_by_answer,
    is_free,
    loading_s,
    polite_stop_s,
)
from sidecar.core.moment import Moment, rfc3339
from sidecar.core.outcome import CAUSES, UPSTREAM_CAUSES, Cause, Cure
from sidecar.core.plan import plan_of
from sidecar.core.state import Instance, Phase, Settling, State
from sidecar.core.target import AfterRoot, InstanceId, Target
from sidecar.core.transition import TargetState

_WAITABLE = frozenset(
    {Guard.REMEDY_RUNNING, Guard.UPSTREAM, Guard.STARTING, Guard.ENGINE}
)
"""What a planned restart waits for; any other objection skips it."""

_FINISH_AGAIN_S = 5.0
"""After a start that could not be sent."""

_UNDID_A_STOP = (
    "an operator stopped it while it was being restarted, and the engine started it "
    "again"
)

_FOR_A_PERSON = frozenset({Guard.FORBIDDEN, Guard.STORM, Guard.EFFICACY, Guard.BUDGET})
"""Objections that time alone hardly lifts."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What should happen if no guard objects, and why, as a sentence's beginning."""

    action: Action
    trigger: Trigger
    cause: Cause | None
    why: str
    guard: Guard = Guard.NONE
    forced: bool = False
    finishes: bool = False
    """It is the rest of a remedy that a dead predecessor began."""


def decide(state: State, who: InstanceId, at: Moment) -> Decision | None:
    """The decision about one instance; None when there is nothing new to say."""
    instance = state.instances[who]
    decision = _standing(state, instance, at)
    if decision is None or not _is_news(instance, decision):
        return None
    return replace(decision, begun=run_log.begun(instance, decision.cause))


def in_force(state: State, who: InstanceId, at: Moment) -> Decision | None:
    """What is being done about one instance, or holds a remedy back, in words of now.

    Its time is that of the decision. None: there is nothing to do.
    """
    instance = state.instances[who]
    if instance.remedy is not None:
        return instance.remedy.decision
    if instance.loading is not None:
        return instance.loading
    standing, last = _standing(state, instance, at), instance.last_decision
    if standing is None or last is None or _is_news(instance, standing):
        return standing
    return replace(standing, at=last.at)


def _standing(state: State, instance: Instance, at: Moment) -> Decision | None:
    """The decision as it is now, be it news or not."""
    target = state.target_of(instance)
    wish = _wish(state, instance, target, at)
    return None if wish is None else _guarded(state, instance, target, wish, at)


def _is_news(instance: Instance, decision: Decision) -> bool:
    last = instance.last_decision
    if last is None or decision.action.changes_something:
        return True
    if loop.is_told_already(instance, decision) and last.action is Action.LOAD_WALLET:
        return False
    if instance.asked or decision.action is Action.LOOK:
        return True
    if last.at.mono < instance.since.mono:
        return True
    same = (last.action, last.guard, last.trigger) == (
        decision.action,
        decision.guard,
        decision.trigger,
    )
    same = same and _treated_alike(last.cause, decision.cause)
    # A loop is many runs, and one thing to tell.
    same = same and (last.run == decision.run or decision.cause is Cause.CRASH_LOOP)
    counting = decision.guard is Guard.THRESHOLD and decision.reason != last.reason
    return not same or counting


def _treated_alike(one: Cause | None, other: Cause | None) -> bool:
    if one is None or other is None or CAUSES[one].cure is None:
        return one is other
    return CAUSES[one].cure is CAUSES[other].cure


def _guarded(
    state: State, instance: Instance, target: Target, wish: Wish, at: Moment
) -> Decision:
    decision = _said(instance, wish, at)
    if not wish.action.changes_something:
        return decision
    case = Case(
        state,
        instance,
        target,
        at,
        wish.action,
        wish.cause,
        wish.trigger,
        wish.forced,
        wish.finishes,
    )
    found = objection(case)
    restarts = wish.action is Action.RESTART and target.wallet is not None
    if found is None and wish.forced and restarts:
        return _at_once(decision, target)
    if found is None:
        return _with_manner(decision, instance, target)
    guard, reason = found
    action = Action.HOLD
    if wish.trigger is Trigger.PLANNED and guard not in _WAITABLE:
        action = Action.SKIP
    if wish.trigger.is_automatic and guard in _FOR_A_PERSON:
        action = Action.PAGE
    return replace(
        decision,
        action=action,
        guard=guard,
        reason=f"{wish.why}; no {wish.action}: {reason}",
    )


def _said(instance: Instance, wish: Wish, at: Moment) -> Decision:
    container = instance.container
    reason = wish.why
    if wish.action.changes_something:
        reason = f"{wish.why}: {wish.action} now"
    return Decision(
        at,
        instance.id,
        instance.name,
        wish.action,
        wish.guard,
        reason,
        wish.cause,
        wish.trigger,
        container.run if container is not None else None,
        incident=instance.incident,
    )


def _with_manner(decision: Decision, instance: Instance, target: Target) -> Decision:
    """How to restart: gently while there is something to save, quickly when not.

    Where the engine may not let us start it again, we do not stop it ourselves.
    """
    settings = target.restart
    if decision.action is Action.LOAD_WALLET:
        absent = wallets.find_absent(instance, target)
        wait_s = loading_s(instance, target, len(absent), decision.at.mono)
        return replace(decision, wallets=absent, polite_stop_s=wait_s)
    if decision.action is not Action.RESTART:
        return replace(decision, stop_timeout_s=settings.stop_timeout_s)
    silent = decision.cause in {Cause.HUNG, Cause.REFUSED}
    stop_s = settings.dead_stop_timeout_s if silent else settings.stop_timeout_s
    polite_s = polite_stop_s(instance, target)
    if _may_be_refused(decision, instance):
        polite_s = 0.0
    reason = decision.reason
    if polite_s and not is_free(instance, decision.at.mono):
        reason = _with_waiting(decision, instance, polite_s)
    return replace(
        decision,
        stop_timeout_s=stop_s,
        polite_stop_s=polite_s,
        reason=reason,
        process_gone=is_gone(instance.health) and decision.trigger.is_automatic,
    )


def _may_be_refused(decision: Decision, instance: Instance) -> bool:
    """Might it stay stopped, for the engine did not let us act when last asked?

    An operator who asks again is there to see; one that is silent is not stopped.
    """
    if instance.refusal is None or decision.trigger is Trigger.OPERATOR:
        return False
    return decision.cause is not Cause.HUNG


def _with_waiting(decision: Decision, instance: Instance, polite_s: float) -> str:
    """The reason, and what is waited for before a signal comes."""
    why = decision.reason
    if instance.health.frozen:
        return (
            f"{why}, once it was continued and asked to stop: it has {span(polite_s)}"
        )
    if is_called_off_by_answer(decision):
        return f"{why}, unless it answers within {span(polite_s)}"
    return f"{why}, once it has obeyed its own stop: it has {span(polite_s)}"


def _at_once(decision: Decision, target: Target) -> Decision:
    """An operator does not want to wait, and must know what that can cost."""
    reason = (
        f"{decision.reason}, without waiting for its own stop: addresses that it "
        "handed out since it last saved may be lost"
    )
    stop_s = target.restart.stop_timeout_s
    return replace(decision, stop_timeout_s=stop_s, reason=reason)


# --- wishes, the most specific first; from _wallet on, of a container that runs ---


def _wish(state: State, instance: Instance, target: Target, at: Moment) -> Wish | None:
    if instance.asked:
        return _operators_wish(instance)
    if run.undid_a_stop(instance, at.mono) and instance.remedy is None:
        return Wish(Action.STOP, Trigger.OPERATOR, None, _UNDID_A_STOP)
    if run.fault(instance):
        return _planned_wish(state, instance, at) or _unreadable(instance, at)
    return (
        _unfinished(instance, target, at)
        or _planned_wish(state, instance, at)
        or _absent(instance, target, at)
        or _unreached(state, instance, target, at)
        or _blind(instance, at)
        or _wallet_in_loop(instance, target)
        or _looping(instance, at)
        or _exited(instance)
        or _booting(instance, target, at)
        or _after_root(instance)
        or _wallet(instance, target)
        or _failing(instance, target, at)
        or _redeploy(instance, at)
    )


def _operators_wish(instance: Instance) -> Wish:
    trigger = Trigger.OPERATOR
    if instance.container is None:
        why = "an operator asked, but there is no container to restart"
        return Wish(Action.HOLD, trigger, Cause.MISSING, why, Guard.NOT_CURABLE)
    if run.fault(instance):
        why = f"an operator asked, but {instance.reason}"
        return Wish(Action.HOLD, trigger, Cause.PROBER_FAILED, why, Guard.NOT_CURABLE)
    running = run.is_running(instance)
    action = Action.RESTART if running else Action.START
    return Wish(
        action, trigger, None, "an operator asked for it", forced=instance.asked_now
    )


def _unfinished(instance: Instance, target: Target, at: Moment) -> Wish | None:
    """Never leave anything stopped: what a predecessor began is finished."""
    remedy, last = instance.remedy, instance.last_decision
    if remedy is None or remedy.phase is not Phase.TAKEN_OVER or last is None:
        return None
    if last.action.changes_something and at.mono - last.at.mono < _FINISH_AGAIN_S:
        return None
    begun = remedy.decision
    why = f"a sidecar that has ended since left the {begun.action} of it unfinished"
    if run.has_stopped(instance):
        return Wish(Action.START, begun.trigger, begun.cause, why, finishes=True)
    if at.mono < remedy.deadline_mono or not run.is_running(instance):
        return None
    if begun.trigger.is_automatic and not _is_curable(instance, target, at):
        return None
    cause = instance.health.cause
    return Wish(Action.RESTART, begun.trigger, cause, why, finishes=True)


def _is_curable(instance: Instance, target: Target, at: Moment) -> bool:
    """Does it still fail, for certain, and would a restart help?"""
    cause = instance.health.cause
    if cause is None or CAUSES[cause].cure is not Cure.RESTART:
        return False
    return is_certain(instance.health, target, at.mono)


def _planned_wish(state: State, instance: Instance, at: Moment) -> Wish | None:
    step = _next_step(state, instance, at)
    until = state.due.get(instance.id.target)
    if step is not None or until is None:
        return step
    wanted = plan_of(state, instance.id.target)
    if instance.id != wanted[0]:
        return None
    concerned = [state.instances[w] for w in wanted]
    running = [i for i in concerned if i is instance or not _is_put_away(i)]
    trouble = next(filter(None, map(_not_calm, running)), None)
    if trouble is None and at.mono >= until:
        trouble = "its turn did not come in time"
    if trouble is not None:
        why = f"the planned restart is skipped: {trouble}"
        return Wish(Action.SKIP, Trigger.PLANNED, None, why, Guard.NOT_CALM)
    return Wish(Action.RESTART, Trigger.PLANNED, None, "its planned restart is due")


def _is_put_away(instance: Instance) -> bool:
    """Has an operator stopped it? Then it is no trouble, and left out at its turn."""
    return instance.state is TargetState.STOPPED


def _next_step(state: State, instance: Instance, at: Moment) -> Wish | None:
    plan = state.plan
    if plan is None or not plan.left or plan.left[0] != instance.id:
        return None
    if not run.is_running(instance):
        why = f"it does not run; left out of the planned restart of {plan.target}"
        return Wish(Action.SKIP, Trigger.PLANNED, None, why, Guard.NOT_CURABLE)
    if at.mono >= plan.deadline_mono:
        why = f"its turn did not come in time in the planned restart of {plan.target}"
        return Wish(Action.SKIP, Trigger.PLANNED, None, why, Guard.NOT_CALM)
    why = f"it follows {plan.target} in its planned restart"
    return Wish(Action.RESTART, Trigger.PLANNED, None, why)


def _not_calm(instance: Instance) -> str | None:
    remedy = instance.remedy
    if remedy is not None and remedy.decision.trigger is Trigger.PLANNED:
        return None
    if instance.incident is not None:
        return f"incident {instance.incident} of {instance.name} is open"
    if instance.health.failures:
        return f"{instance.name} is failing ({instance.health.cause})"
    if instance.state not in WORKING:
        return f"{instance.name} is {instance.state}"
    return None


def _absent(instance: Instance, target: Target, at: Moment) -> Wish | None:
    trigger = Trigger.FAILURE
    if instance.container is None:
        if not may_report(instance, target, Cause.MISSING, at):
            why = "there is no container; 60 s for a redeploy"
            return Wish(Action.HOLD, trigger, Cause.MISSING, why, Guard.NOT_CURABLE)
        return _page(Cause.MISSING, "there is no container for it")
    if instance.state is TargetState.STOPPED and instance.cause is not None:
        return _page(instance.cause, instance.reason)
    return None


def _unreadable(instance: Instance, at: Moment) -> Wish | None:
    """What the engine does not tell of is left alone, and after a while told."""
    cause = Cause.PROBER_FAILED
    lasted_s = at.mono - instance.since.mono
    if instance.remedy is not None or lasted_s < CAUSES[cause].grace_s:
        return None
    return _page(cause, instance.reason)


def _redeploy(instance: Instance, at: Moment) -> Wish | None:
    """A redeploy that was cut off leaves the old container, and nobody knows it."""
    if unfinished_redeploy(instance, at) is None:
        return None
    why = f"{instance.reason}; docker compose up -d ends it"
    return Wish(Action.PAGE, Trigger.FAILURE, Cause.MISSING, why, Guard.NOT_CURABLE)


def _blind(instance: Instance, at: Moment) -> Wish | None:
    if instance.state is not TargetState.UNKNOWN:
        return None
    blind = blind_for_long(instance.health, at)
    if blind is None or blind.cause is None:
        return None
    return _page(blind.cause, blind.reason)


def _unreached(
    state: State, instance: Instance, target: Target, at: Moment
) -> Wish | None:
    """Is our own network to blame, or not known to be in order?"""
    cause = instance.health.cause
    if instance.cause is Cause.OWN_NETWORK:
        why = f"{instance.reason}; nothing is judged until it is reached again"
    elif cause is None or not own_network.is_unproven(state, instance, at):
        return None
    elif CAUSES[cause].cure is None and is_certain(instance.health, target, at.mono):
        why = f"{_seen(instance)}; another target tells whether our network is in order"
    else:
        return None
    trigger, guard = Trigger.FAILURE, Guard.OWN_NETWORK
    return Wish(Action.HOLD, trigger, Cause.OWN_NETWORK, why, guard)


def _page(cause: Cause, what: str) -> Wish:
    rule = CAUSES[cause]
    why = f"{what}; no restart, because {rule.why_not}; {rule.advice}"
    return Wish(Action.PAGE, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)


def _looping(instance: Instance, at: Moment) -> Wish | None:
    """Hands off; where the engine does not try either, once per slow-lane step."""
    remedy = instance.remedy
    if not instance.looping or instance.container is None:
        return None
    if remedy is not None and remedy.phase is not Phase.VERIFYING:
        return None
    if run.needs_no_start(instance):
        return _page(Cause.CRASH_LOOP, instance.reason)
    if remedy is not None:
        return None
    wait = instance.lane.not_before - at.mono
    if wait > 0:
        why = f"{instance.reason}; it is started once more in {span(wait)}"
        return _page(Cause.CRASH_LOOP, why)
    return Wish(Action.START, Trigger.FAILURE, Cause.CRASH_LOOP, instance.reason)


def _exited(instance: Instance) -> Wish | None:
    if instance.cause is not Cause.NOT_RUNNING or instance.remedy is not None:
        return None
    return Wish(Action.START, Trigger.FAILURE, Cause.NOT_RUNNING, instance.reason)


def _after_root(instance: Instance) -> Wish | None:
    if not instance.must_restart or instance.remedy is not None:
        return None
    settling = instance.settling
    root = settling.root if settling is not None else "its root"
    why = f"{root} works again and this is always restarted after it"
    return Wish(Action.RESTART, Trigger.DEPENDENCY, None, why)


def _booting(instance: Instance, target: Target, at: Moment) -> Wish | None:
    """Past its time a start is looked at: is there a process that boots?"""
    if not run.is_running(instance) or not _unlooked(instance):
        return None
    if not is_late(instance, target, at.mono) or current_cause(instance) is None:
        return None
    why = f"{last_reason(instance)}; looking whether the daemon's process lives"
    return Wish(Action.LOOK, Trigger.FAILURE, current_cause(instance), why)


def _wallet_in_loop(instance: Instance, target: Target) -> Wish | None:
    """A crash loop holds no load back: its next run may be the one that lasts."""
    if not instance.looping or not run.is_running(instance):
        return None
    return _wallet(instance, target)


def _wallet(instance: Instance, target: Target) -> Wish | None:
    """Loading is asked for at once: it is harmless, and no start is whole without."""
    wallet = target.wallet
    if wallet is None or not wallet.load_wallet or instance.loading is not None:
        return None
    if not is_seen_since(instance):
        return None
    if current_cause(instance) is not Cause.WALLET_NOT_LOADED:
        return None
    why = "the daemon answers but has no wallet loaded"
    if instance.load_failure:
        why = (
            "the daemon answers but has no wallet loaded, and loading it failed: "
            f"{instance.load_failure}"
        )
    return Wish(Action.LOAD_WALLET, Trigger.FAILURE, Cause.WALLET_NOT_LOADED, why)


def _failing(instance: Instance, target: Target, at: Moment) -> Wish | None:
    cause = instance.health.cause
    busy = instance.remedy is not None or instance.loading is not None
    if cause is None or busy:
        return None
    if current_cause(instance) is Cause.NEVER_UP:
        why = f"{_seen(instance)}, to the end of two starts in a row"
        return _page(Cause.NEVER_UP, why)
    if cause is Cause.WALLET_NOT_LOADED and not is_seen_since(instance):
        return None
    look = _why_look(instance, target, at)
    if look is not None:
        return Wish(Action.LOOK, Trigger.FAILURE, cause, look)
    if not is_certain(instance.health, target, at.mono):
        return Wish(
            Action.HOLD,
            Trigger.FAILURE,
            cause,
            _uncertain(instance, target, at),
            Guard.THRESHOLD,
        )
    return _certain(instance, target, cause, at)


def _why_look(instance: Instance, target: Target, at: Moment) -> str | None:
    """Its processes can prove at once what else takes patience."""
    if instance.health.cause is Cause.HUNG and _unlooked(instance):
        return f"{_seen(instance)}; looking whether its processes are stopped"
    if is_to_be_looked_for(instance, target, at.mono):
        return f"{_seen(instance)}; looking whether the process that served has gone"
    return None


def _unlooked(instance: Instance) -> bool:
    run_id: RunId | None = instance.container.run if instance.container else None
    return instance.looked != run_id


def _seen(instance: Instance) -> str:
    health = instance.health
    proof = ", a process of it is stopped (state T)" if health.frozen else ""
    if is_gone(health):
        proof = ", the process that served has gone"
    return f"failure {health.failures}: {last_reason(instance)}{proof}"


def _since(health: Health, at: Moment) -> str:
    """Since when it keeps callers waiting, by the wall clock."""
    if health.busy_mono is None:
        return ""
    began = rfc3339(at.wall - (at.mono - health.busy_mono))
    return " since " + began


def _uncertain(instance: Instance, target: Target, at: Moment) -> str:
    health = instance.health
    threshold = target.cadence.failure_threshold
    of = f" of {threshold}" if health.alike <= threshold else ""
    so_far = f"failure {health.alike}{of}: {last_reason(instance)}"
    allowed_s = silence_allowed_s(health, target)
    if health.cause is Cause.THREAD_HELD:
        return f"{so_far}; it is busy{_since(health, at)}"
    if health.cause is not Cause.HUNG or allowed_s == 0.0:
        return f"{so_far}; not certain yet"
    if allowed_s == target.hang_after_s:
        return (
            f"{so_far}; a network call may hold it for 30 s, "
            f"certain after {allowed_s:.0f} s of silence"
        )
    return (
        f"{so_far}; it is likely busy{_since(health, at)}: its upstream server was "
        "lost, slow or not known when it last answered, and calls of 30 s queue; "
        f"certain after {allowed_s:.0f} s of silence"
    )


def _certain(
    instance: Instance, target: Target, cause: Cause, at: Moment
) -> Wish | None:
    rule = CAUSES[cause]
    wallet = target.wallet
    if cause in UPSTREAM_CAUSES and wallet and wallet.restart_on_upstream_loss:
        return _restart_for_upstream(instance, cause, wallet.upstream_grace_s, at)
    if rule.cure is None or cause is Cause.WALLET_NOT_LOADED:
        if may_report(instance, target, cause, at):
            return _page(cause, _seen(instance))
        seen = _seen(instance)
        if cause is Cause.THREAD_HELD:
            seen = f"{seen}; it is busy{_since(instance.health, at)}"
        why = f"{seen}; no restart, because {rule.why_not}"
        return Wish(Action.HOLD, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)
    if instance.settling is None:
        return Wish(Action.RESTART, Trigger.FAILURE, cause, _seen(instance))
    if target.after_root is AfterRoot.NEVER:
        return _left_to_people(instance, instance.settling, cause, at)
    return Wish(Action.RESTART, Trigger.DEPENDENCY, cause, _seen(instance))


def _left_to_people(
    instance: Instance, settling: Settling, cause: Cause, at: Moment
) -> Wish:
    waits = follows(settling, at)
    if waits is not None:
        why = f"{_seen(instance)}; {waits}"
        return Wish(Action.HOLD, Trigger.DEPENDENCY, cause, why, Guard.UPSTREAM)
    why = f"{_seen(instance)}; {settling.root} works again, and after_root is never"
    return Wish(Action.PAGE, Trigger.DEPENDENCY, cause, why, Guard.OPTED_OUT)


def _restart_for_upstream(
    instance: Instance, cause: Cause, grace_s: float, at: Moment
) -> Wish:
    since = instance.health.cause_mono
    lasted = at.mono - since if since is not None else 0.0
    if lasted < grace_s:
        why = f"{_seen(instance)}; a restart follows after {grace_s:.0f} s of this"
        return Wish(Action.HOLD, Trigger.FAILURE, cause, why, Guard.NOT_CURABLE)
    return Wish(Action.RESTART, Trigger.FAILURE, cause, _seen(instance))
