"""The stack as a whole: summary, notices, plans, decisions, Sidecar's own health."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import SERVING_STATES, TargetState
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.web.page.target_view import LEVEL_ORDER, LEVELS, TargetView, Time
from sidecar.web.page.texts import PageTexts, machine_time, sentence

SHOWN_NAMES = 6
SHOWN_DECISIONS = 10
SHOWN_PLANS = 8


class Summary(NamedTuple):
    """``level`` is that of the worst target; ``notices`` are about Sidecar itself."""

    level: str
    headline: str
    counts: str
    repairing: str
    payments: str
    notices: tuple[str, ...]


class Plan(NamedTuple):
    """A planned restart; ``cron`` is empty for visitors."""

    target: str
    at: Time
    is_skipped: bool
    cron: str = ""


class DecisionLine(NamedTuple):
    """The last decision about one target."""

    at: Time
    target: str
    text: str
    reason: str = ""


class ComponentLine(NamedTuple):
    """One part of Sidecar; ``reason`` is empty for visitors."""

    name: str
    is_ok: bool
    word: str
    reason: str = ""


def build_summary(
    state: State,
    views: Sequence[TargetView],
    payments: Sequence[str],
    texts: PageTexts,
    *,
    is_ready: bool,
    hidden: Mapping[str, int] = MappingProxyType({}),
) -> Summary:
    """The answer to the one question: does everything work? ``views``: roots first.

    ``hidden``: numbers of further targets, by state. None is worse than those shown.
    """
    level = _worst_level(views)
    works = sum(view.state in _WORKING for view in views)
    works += sum(hidden.get(state, 0) for state in _WORKING)
    total = len(views) + sum(hidden.values())
    repaired = [view.name for view in views if view.state == TargetState.RECOVERING]
    return Summary(
        level,
        _headline(level, views, texts, hidden),
        texts("summary.counts", works=works, total=total) if views else "",
        texts("summary.repairing", names=_join(repaired, texts)) if repaired else "",
        payments[0] if payments else "",
        tuple(_notices(state, texts, is_ready=is_ready)),
    )


_WORKING = frozenset(state.value for state in SERVING_STATES)


def _worst_level(views: Sequence[TargetView]) -> str:
    levels = {view.level for view in views}
    return next((level for level in LEVEL_ORDER if level in levels), "idle")


def _headline(
    level: str,
    views: Sequence[TargetView],
    texts: PageTexts,
    hidden: Mapping[str, int],
) -> str:
    """The sentence about the worst level, with the names of its targets.

    What is being repaired does not work either.
    """
    if not views:
        return texts("summary.nothing")
    if level == "ok":
        return texts("summary.all_work")
    names = [
        view.name
        for view in views
        if view.level == level
        or (level == "bad" and view.state == TargetState.RECOVERING)
    ]
    more = sum(n for state, n in hidden.items() if LEVELS[TargetState(state)] == level)
    return texts(f"summary.{level}", names=_join(names, texts, more))


def _join(names: Sequence[str], texts: PageTexts, unnamed: int = 0) -> str:
    text = ", ".join(names[:SHOWN_NAMES])
    more = max(0, len(names) - SHOWN_NAMES) + unnamed
    return texts("summary.and_more", names=text, count=more) if more else text


def _notices(state: State, texts: PageTexts, *, is_ready: bool) -> Iterator[str]:
    if not state.engine.reachable:
        yield texts("notice.engine")
    if state.engine.other:
        yield texts("notice.other_engine")
    elif state.mode is Mode.OBSERVE:
        yield texts("notice.observe")
    if state.own_network.since is not None:
        yield texts("notice.own_network")
    if state.settings.faults:
        yield texts("notice.settings")
    if not is_ready and state.engine.reachable and not state.settings.faults:
        yield texts("notice.not_ready")


def build_plans(
    planned: Sequence[PlannedTime], now: Moment, texts: PageTexts, *, is_operator: bool
) -> tuple[Plan, ...]:
    """The next planned restart of each target, the earliest first."""
    ordered = sorted(planned, key=lambda plan: plan.at_wall)
    return tuple(
        Plan(
            plan.target,
            Time(machine_time(plan.at_wall), texts.full(plan.at_wall)),
            plan.skipped,
            f"{plan.cron} ({plan.timezone})" if is_operator else "",
        )
        for plan in ordered[:SHOWN_PLANS]
        if plan.at_wall >= now.wall
    )


def build_decisions(
    state: State, now: Moment, texts: PageTexts
) -> tuple[DecisionLine, ...]:
    """The last decision about each target, the latest first."""
    decisions = [
        instance.last_decision
        for instance in state.instances.values()
        if instance.last_decision is not None
    ]
    latest = sorted(decisions, key=lambda d: d.at.wall, reverse=True)[:SHOWN_DECISIONS]
    return tuple(_decision_line(d, now, texts) for d in latest)


def _decision_line(
    decision: Decision,
    now: Moment,
    texts: PageTexts,
) -> DecisionLine:
    return DecisionLine(
        Time(machine_time(decision.at.wall), texts.clock(decision.at.wall, now.wall)),
        decision.name,
        describe_action(decision.action, texts),
        texts.reason(decision.reason),
    )


def describe_action(action: str, texts: PageTexts) -> str:
    """A decision in a few words."""
    return texts(f"decision.{Action(action).value}")


def build_components(
    components: Sequence[Component], texts: PageTexts, *, is_operator: bool
) -> tuple[ComponentLine, ...]:
    """The parts of Sidecar; visitors see no names of channels."""
    return tuple(
        ComponentLine(
            _component_name(part.name, texts, is_operator=is_operator),
            part.ok,
            texts("component.ok" if part.ok else "component.bad"),
            sentence(texts.foreign(part.reason)) if is_operator else "",
        )
        for part in components
    )


def _component_name(name: str, texts: PageTexts, *, is_operator: bool) -> str:
    kind, _, rest = name.partition(" ")
    try:
        part_name = texts(f"part.{kind}")
    except KeyError:
        return name
    return f"{part_name}: {rest}" if rest and is_operator else part_name
