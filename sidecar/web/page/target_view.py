"""One target as the page shows it, in words."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sidecar.core.model.cause import Cause, CauseSource
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Decision
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.lane import LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.policy.decide import decision_in_force
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.status.maintenance_windows import window_end_wall
from sidecar.web.page.texts import PageTexts, dom_id, machine_time
from sidecar.web.views.status import held_by

LEVELS = {
    TargetState.HEALTHY: "ok",
    TargetState.DEGRADED: "warn",
    TargetState.UNKNOWN: "idle",
    TargetState.STARTING: "busy",
    TargetState.DRAINING: "busy",
    TargetState.RECOVERING: "busy",
    TargetState.STOPPED: "idle",
    TargetState.FAILING: "warn",
    TargetState.DOWN: "bad",
    TargetState.CRASH_LOOP: "bad",
    TargetState.DEAD_LETTER: "bad",
    TargetState.MISSING: "bad",
}
"""How urgent a state is. Each state has a shape of its own as well."""

LEVEL_ORDER = ("bad", "busy", "warn", "idle", "ok")
"""The levels, the most urgent first."""


class Time(NamedTuple):
    """An instant for machines and for people."""

    machine: str
    text: str


class TargetView(NamedTuple):
    """One instance.

    ``problem``: what is wrong; ``reason``: what was measured; ``doing``: what is being
    done or waited for; ``why``: the decision's reason. ``needs``: names of targets and
    their page ids. ``has_memory``: its memory is measured, and shown to this viewer.
    """

    id: str
    name: str
    target: str
    state: str
    level: str
    word: str
    since: Time
    problem: str = ""
    reason: str = ""
    doing: str = ""
    why: str = ""
    needs: tuple[tuple[str, str], ...] = ()
    planned: Time | None = None
    is_skipped: bool = False
    incident: str = ""
    is_paused: bool = False
    may_recover: bool = False
    is_operator: bool = False
    has_memory: bool = False


def build_target_view(
    state: State,
    instance: Instance,
    now: Moment,
    texts: PageTexts,
    planned: PlannedTime | None,
    *,
    is_operator: bool,
) -> TargetView:
    """The view of one instance; cheap for one that works."""
    is_paused = state.paused.get(instance.id.target, 0.0) > now.wall
    is_well = instance.state is TargetState.HEALTHY
    reason = "" if is_well else texts.reason(instance.reason)
    decision = _decision(state, instance, now, is_operator=is_operator)
    why = "" if decision is None else texts.reason(decision.reason)
    return TargetView(
        dom_id(instance.name),
        instance.name,
        instance.id.target,
        instance.state.value,
        LEVELS[instance.state],
        texts(f"state.{instance.state.value}"),
        _time(texts, instance.since.wall, now),
        problem=_problem(instance, texts),
        reason=reason,
        doing=" ".join(_describe_work(state, instance, now, texts)),
        why="" if why == reason else why,
        needs=tuple((name, dom_id(name)) for name in _needs(state, instance)),
        planned=_time(texts, planned.at_wall, now) if planned is not None else None,
        is_skipped=planned is not None and planned.skipped,
        incident=instance.incident or "",
        is_paused=is_paused,
        may_recover=_may_recover(instance),
        is_operator=is_operator,
        has_memory=is_operator and state.target_of(instance).memory is not None,
    )


def last_answer_wall(instance: Instance, now: Moment) -> float | None:
    """When the last good answer was asked for; None: none in this run."""
    mono = instance.health.last_success_mono
    return None if mono is None else now.wall - (now.mono - mono)


def _time(texts: PageTexts, wall: float, now: Moment) -> Time:
    if wall <= 0.0:
        return Time("", "")
    return Time(machine_time(wall), texts.clock(wall, now.wall))


_WITHOUT_PROBLEM = frozenset(
    {TargetState.HEALTHY, TargetState.STARTING, TargetState.DRAINING}
)


def _problem(instance: Instance, texts: PageTexts) -> str:
    if instance.state is TargetState.DEGRADED:
        return texts("problem.degraded")
    if instance.state in _WITHOUT_PROBLEM:
        return ""
    if instance.cause is None:
        return texts("problem.unknown")
    return texts.problem(instance.cause)


def _decision(
    state: State, instance: Instance, now: Moment, *, is_operator: bool
) -> Decision | None:
    """The decision in force; in a public state it is the last decision."""
    if instance.state is TargetState.HEALTHY:
        return None
    if is_operator:
        return decision_in_force(state, instance.id, now)
    return instance.last_decision


def _needs(state: State, instance: Instance) -> Sequence[str]:
    return state.target_of(instance).depends_on


def _may_recover(instance: Instance) -> bool:
    """Does only an operator's word let Sidecar go on with this one?"""
    given_up = LaneName.DEAD_LETTER in {instance.lane.name, instance.load_lane.name}
    return given_up or instance.looping


# --- what is being done, or waited for


def _describe_work(
    state: State, instance: Instance, now: Moment, texts: PageTexts
) -> Iterator[str]:
    """Sentences without text from others, so that visitors may read them."""
    drill = state.drill
    if drill is not None and drill.instance == instance.id:
        began = texts.clock(drill.began.wall, now.wall)
        yield texts("doing.drill", fault=drill.fault, began=began)
    until = state.paused.get(instance.id.target, 0.0)
    if until == float("inf"):
        yield texts("doing.paused")
    elif until > now.wall:
        yield texts("doing.paused_until", until=texts.clock(until, now.wall))
    end_wall = window_end_wall(state, instance.id.target, now.wall)
    if end_wall is not None:
        yield texts("doing.maintenance", until=texts.clock(end_wall, now.wall))
    if instance.state in WORKING_STATES:
        return
    if instance.loading is not None:
        yield texts("doing.load_wallet")
    elif instance.remedy is not None:
        yield _remedy(instance, now, texts)
    else:
        yield _describe_wait(state, instance, now, texts)


def _remedy(instance: Instance, now: Moment, texts: PageTexts) -> str:
    remedy = instance.remedy
    assert remedy is not None
    action = remedy.decision.action
    if remedy.phase is not RemedyPhase.VERIFYING:
        return texts(f"doing.{action}")
    until_wall = now.wall + max(0.0, remedy.deadline_mono - now.mono)
    return texts(
        f"doing.verify_{action}",
        began=texts.clock(remedy.began.wall, now.wall),
        until=texts.clock(until_wall, now.wall),
    )


def _describe_wait(
    state: State, instance: Instance, now: Moment, texts: PageTexts
) -> str:
    """The most important thing that is waited for."""
    awaited = held_by(state, instance, now)
    if awaited:
        return texts("doing.waits_for", name=awaited)
    if state.mode_in_force is Mode.OBSERVE:
        return texts("doing.observe")
    if instance.state is TargetState.DEAD_LETTER or _needs_person(instance):
        return texts("doing.person")
    if instance.lane.not_before > now.mono:
        wall = now.wall + instance.lane.not_before - now.mono
        return texts("doing.next_try", at=texts.clock(wall, now.wall))
    return texts(_patience(instance))


def _patience(instance: Instance) -> str:
    cause = instance.cause
    if instance.state is TargetState.STARTING:
        return "doing.starts"
    if cause is not None and cause is not Cause.CRASH_LOOP and not _is_curable(cause):
        return "doing.no_remedy"
    return "doing.measures"


def _is_curable(cause: Cause) -> bool:
    rule = CAUSES[cause]
    return rule.remedy is not None or rule.source is CauseSource.UNKNOWN_PROBE


def _needs_person(instance: Instance) -> bool:
    decision = instance.last_decision
    guard = decision.guard if decision is not None else Guard.NONE
    return guard.rule.needs_person and guard is not Guard.PAUSED
