"""All view models of the page at one moment."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.web.page.graph_view import Graph, build_graph_view, sort_by_depth
from sidecar.web.page.incident_view import IncidentCard, build_incident_card
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


class PageFacts(NamedTuple):
    """Facts for the page; ``planned`` has the next time of each target.

    The state is that which the viewer may see: a visitor's is a public one.
    """

    state: State
    now: Moment
    components: tuple[Component, ...]
    planned: tuple[PlannedTime, ...]
    is_operator: bool


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

    @property
    def stack_parts(self) -> dict[str, dict[str, object]]:
        """The values of each part's template, by the part's name."""
        return {
            "summary": {"summary": self.summary},
            "incidents": {"incidents": self.incidents},
            "graph": {"graph": self.graph},
            "plans": {"plans": self.plans},
            "decisions": {"decisions": self.decisions},
            "health": {"parts": self.parts},
        }


def build_target_views(facts: PageFacts, texts: PageTexts) -> Iterator[TargetView]:
    """The views of all instances, one by one."""
    planned: dict[str, PlannedTime] = {}
    for plan in facts.planned:
        if plan.at_wall >= facts.now.wall:
            planned.setdefault(plan.target, plan)
    for instance in facts.state.instances.values():
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
    incidents = tuple(
        build_incident_card(state, incident, now, texts, is_operator=is_operator)
        for incident in reversed(tuple(state.incidents.values()))
        if incident.open
    )
    return PageViews(
        build_summary(
            state,
            [view for _, view in sort_by_depth(targets)],
            [card.payments for card in incidents],
            texts,
            is_ready=all(part.ok for part in facts.components),
        ),
        tuple(targets),
        incidents,
        build_graph_view(targets),
        build_plans(facts.planned, now, texts, is_operator=is_operator),
        build_decisions(state, now, texts),
        build_components(facts.components, texts, is_operator=is_operator),
        _answers(state, now),
    )


def _answers(state: State, now: Moment) -> dict[str, float]:
    walls = (
        (dom_id(instance.name), last_answer_wall(instance, now))
        for instance in state.instances.values()
    )
    return {name: round(wall, 1) for name, wall in walls if wall is not None}
