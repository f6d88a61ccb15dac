"""All view models of the page at one moment."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.web.page.graph_view import Graph, build_graph_view, sort_by_depth
from sidecar.web.page.incident_view import IncidentCard, build_incident_card
from sidecar.web.page.shown_targets import (
    HiddenTargets,
    choose_shown,
    find_hidden,
)
from sidecar.web.page.stack_view import (
    ComponentLine,
    DecisionLine,
    Plan,
    Summary,
    build_components,
    build_decisions,
    build_plans,
    build_summary,
)
from sidecar.web.page.target_view import (
    TargetView,
    build_target_view,
    last_answer_wall,
)
from sidecar.web.page.texts import PageTexts, dom_id

SHOWN_INCIDENTS = 50


class PageFacts(NamedTuple):
    """Facts for the page; ``planned`` has the next time of each target.

    The state is that which the viewer may see: a visitor's is a public one.
    """

    state: State
    now: Moment
    components: tuple[Component, ...]
    planned: tuple[PlannedTime, ...]
    is_operator: bool
    search: str = ""
    """The part of names that is looked for; empty: none."""


class PageViews(NamedTuple):
    """Views of the page; ``answers``: by page id, when each target answered well."""

    summary: Summary
    targets: tuple[TargetView, ...]
    incidents: tuple[IncidentCard, ...]
    graph: Graph | None
    plans: tuple[Plan, ...]
    decisions: tuple[DecisionLine, ...]
    parts: tuple[ComponentLine, ...]
    answers: dict[str, float]
    hidden: HiddenTargets
    open_count: int
    """The number of open incidents, also of those without a card."""
    more_incidents: str
    """A sentence about open incidents without a card; empty: there are none."""

    @property
    def stack_parts(self) -> dict[str, dict[str, object]]:
        """The values of each part's template, by the part's name."""
        return {
            "summary": {"summary": self.summary},
            "incidents": {
                "incidents": self.incidents,
                "open_count": self.open_count,
                "more_incidents": self.more_incidents,
            },
            "hidden": {"hidden": self.hidden},
            "graph": {"graph": self.graph},
            "plans": {"plans": self.plans},
            "decisions": {"decisions": self.decisions},
            "health": {"parts": self.parts},
        }


def build_target_views(facts: PageFacts, texts: PageTexts) -> Iterator[TargetView]:
    """The views of the instances that are shown, one by one."""
    planned: dict[str, PlannedTime] = {}
    for plan in facts.planned:
        if plan.at_wall >= facts.now.wall:
            planned.setdefault(plan.target, plan)
    for instance in choose_shown(facts.state, facts.search):
        yield build_target_view(
            facts.state,
            instance,
            facts.now,
            texts,
            planned.get(instance.id.target),
            is_operator=facts.is_operator,
        )


def build_page_views(
    facts: PageFacts, targets: Sequence[TargetView], texts: PageTexts
) -> PageViews:
    """All views; ``targets`` are those of ``build_target_views``."""
    state, now, is_operator = facts.state, facts.now, facts.is_operator
    hidden = find_hidden(state, targets, facts.search, texts)
    open_incidents = [i for i in reversed(tuple(state.incidents.values())) if i.open]
    incidents = tuple(
        build_incident_card(state, incident, now, texts, is_operator=is_operator)
        for incident in _choose_incidents(open_incidents)
    )
    more = len(open_incidents) - len(incidents)
    return PageViews(
        _build_summary(facts, targets, incidents, texts),
        tuple(targets),
        incidents,
        build_graph_view(targets),
        build_plans(facts.planned, now, texts, is_operator=is_operator),
        build_decisions(state, now, texts),
        build_components(facts.components, texts, is_operator=is_operator),
        _answers(choose_shown(state, facts.search), now),
        hidden,
        len(open_incidents),
        texts("incidents.more", count=f"{more:,}") if more else "",
    )


def _choose_incidents(newest_first: Sequence[Incident]) -> Sequence[Incident]:
    """The incidents with a card: of too many the most severe, in the same order."""
    if len(newest_first) <= SHOWN_INCIDENTS:
        return newest_first
    by_severity = sorted(newest_first, key=lambda incident: incident.severity)
    shown_ids = {incident.id for incident in by_severity[:SHOWN_INCIDENTS]}
    return [incident for incident in newest_first if incident.id in shown_ids]


def _build_summary(
    facts: PageFacts,
    targets: Sequence[TargetView],
    incidents: Sequence[IncidentCard],
    texts: PageTexts,
) -> Summary:
    """The summary of all targets, whatever is looked for."""
    if facts.search:
        targets = tuple(build_target_views(facts._replace(search=""), texts))
    return build_summary(
        facts.state,
        [view for _, view in sort_by_depth(targets)],
        [card.payments for card in incidents],
        texts,
        is_ready=all(part.ok for part in facts.components),
        hidden=find_hidden(facts.state, targets, "", texts).by_state,
    )


def _answers(shown: Iterable[Instance], now: Moment) -> dict[str, float]:
    walls = (
        (dom_id(instance.name), last_answer_wall(instance, now)) for instance in shown
    )
    return {name: round(wall, 1) for name, wall in walls if wall is not None}
