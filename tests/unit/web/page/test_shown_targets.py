"""A page of more targets than anybody reads: the most urgent ones, and a count."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.incident import Incident
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.update import replace_instances
from sidecar.web.page.page_views import (
    SHOWN_INCIDENTS,
    PageFacts,
    PageViews,
    build_page_views,
    build_target_views,
)
from sidecar.web.page.shown_targets import SHOWN_TARGETS
from sidecar.web.page.texts import PageTexts
from tests.support.page_host import read_test_texts
from tests.support.rule_world import RuleWorld

MANY = SHOWN_TARGETS + 1500
INCIDENT = Incident("i0", "t0000", Cause.REFUSED, Severity.P1, Moment(0.0, 1.0))
TEXTS = PageTexts("en", read_test_texts("en"))


def many_targets(count: int, states: Iterable[TargetState] = ()) -> RuleWorld:
    """Healthy targets ``t0000``, ...; the last ones have these states."""
    world = RuleWorld(targets=tuple(Target(f"t{n:04}") for n in range(count)))
    instances = list(world.state.instances.values())
    healthy = [replace(i, state=TargetState.HEALTHY) for i in instances]
    others = [
        replace(instance, state=state)
        for instance, state in zip(reversed(healthy), states, strict=False)
    ]
    world.state = replace_instances(world.state, *healthy, *others)
    return world


def view_page(world: RuleWorld, search: str = "") -> PageViews:
    facts = PageFacts(world.state, world.now, (), (), True, search)
    return build_page_views(facts, tuple(build_target_views(facts, TEXTS)), TEXTS)


def test_page_shows_every_target_of_a_smaller_stack() -> None:
    page = view_page(many_targets(SHOWN_TARGETS))
    assert len(page.targets) == SHOWN_TARGETS
    assert page.hidden.text == ""


def test_targets_beyond_the_limit_are_counted() -> None:
    page = view_page(many_targets(MANY))
    assert [view.name for view in page.targets[:2]] == ["t0000", "t0001"]
    assert page.hidden.text == "1,500 more targets are not shown. All of them work."
    assert page.summary.headline == "Everything works."
    assert page.summary.counts == f"{MANY} of {MANY} targets work."


def test_most_urgent_targets_are_shown_first() -> None:
    page = view_page(many_targets(MANY, [TargetState.DOWN, TargetState.DEGRADED]))
    assert [view.name for view in page.targets[-2:]] == ["t1998", "t1999"]
    assert len(page.targets) == SHOWN_TARGETS
    assert page.summary.headline == "Does not work: t1999."


def test_headline_counts_hidden_targets_that_do_not_work_either() -> None:
    page = view_page(many_targets(MANY, [TargetState.DOWN] * (SHOWN_TARGETS + 100)))
    assert page.summary.headline.endswith(f"and {SHOWN_TARGETS + 100 - 6} more.")
    assert page.summary.counts == f"1400 of {MANY} targets work."
    assert page.hidden.text == (
        "1,500 more targets are not shown. Those that need attention most are shown."
    )


@pytest.mark.parametrize(
    ("search", "shown"), [("t19", 100), ("T1999", 1), ("nothing", 0)]
)
def test_search_shows_the_targets_whose_name_contains_it(
    search: str, shown: int
) -> None:
    page = view_page(many_targets(MANY, [TargetState.DOWN]), search)
    assert len(page.targets) == shown
    assert page.hidden.text == f"{MANY - shown:,} other targets are not shown."
    assert page.summary.headline == "Does not work: t1999.", "of all targets"


def test_open_incidents_beyond_the_limit_are_counted() -> None:
    world = many_targets(1, [TargetState.DOWN])
    opened = [replace(INCIDENT, id=f"i{n}") for n in range(SHOWN_INCIDENTS + 7)]
    opened[0] = replace(opened[0], severity=Severity.P0)
    world.state = replace(world.state, incidents={i.id: i for i in opened})
    page = view_page(world)
    assert [card.id for card in page.incidents[-2:]] == ["i8", "i0"], "the most severe"
    assert len(page.incidents) == SHOWN_INCIDENTS
    assert page.open_count == SHOWN_INCIDENTS + 7
    assert page.more_incidents == "7 more open incidents are not shown."
