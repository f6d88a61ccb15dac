"""The stack as a whole, in words."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.state import EngineStatus, OwnNetworkStatus, SettingsStatus
from sidecar.core.model.target import Mode
from sidecar.core.ports.loop import PlannedTime
from sidecar.web.page.page_views import (
    PageFacts,
    PageViews,
    build_page_views,
    build_target_views,
)
from sidecar.web.page.stack_view import SHOWN_NAMES, Summary, build_summary
from sidecar.web.page.target_view import TargetView, Time
from sidecar.web.page.texts import PageTexts
from tests.support.api_services import make_component
from tests.support.page_host import read_test_texts
from tests.support.rule_world import RuleWorld

TEXTS = PageTexts("en", read_test_texts("en"))
WALLET, SERVICE = "electron-cash", "bitcoincash-service"


@pytest.fixture
def world() -> RuleWorld:
    world = RuleWorld()
    world.works(WALLET, SERVICE)
    return world


def views_of(
    world: RuleWorld, *plans: PlannedTime, is_operator: bool = True
) -> PageViews:
    parts = (make_component("loop", ""), make_component("notify ops", "no answer"))
    facts = PageFacts(world.state, world.now, parts, plans, is_operator)
    return build_page_views(facts, tuple(build_target_views(facts, TEXTS)), TEXTS)


def summarize(*levels: tuple[str, str, str]) -> Summary:
    views = [
        TargetView(name, name, name, state, level, state, Time("", ""))
        for name, state, level in levels
    ]
    return build_summary(RuleWorld().state, views, [], TEXTS, is_ready=True)


def test_stack_without_a_fault_works() -> None:
    summary = summarize(("a", "healthy", "ok"), ("b", "healthy", "ok"))
    assert (summary.level, summary.headline) == ("ok", "Everything works.")
    assert summary.counts == "2 of 2 targets work."


def test_stack_without_a_target_says_so() -> None:
    summary = summarize()
    assert (summary.level, summary.headline) == ("idle", "No target is watched yet.")


def test_headline_names_what_is_broken_and_what_is_being_repaired() -> None:
    summary = summarize(
        ("root", "recovering", "busy"),
        ("service", "down", "bad"),
        ("slow", "degraded", "warn"),
    )
    assert summary.headline == "Does not work: root, service."
    assert summary.repairing == "Being repaired: root."
    assert summary.counts == "1 of 3 targets work."


def test_headline_names_only_the_first_of_many() -> None:
    many = [(f"t{n}", "down", "bad") for n in range(SHOWN_NAMES + 3)]
    assert summarize(*many).headline.endswith("t5 and 3 more.")


def test_summary_names_roots_before_their_dependents(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    summary = views_of(world).summary
    assert summary.headline == f"Does not work: {WALLET}, {SERVICE}."
    assert summary.payments == f"Payments: affected. Not working: {WALLET}, {SERVICE}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": EngineStatus(reachable=False)}, "cannot reach the Docker engine"),
        ({"engine": EngineStatus(reachable=True, other="podman")}, "only observed"),
        ({"mode": Mode.OBSERVE}, "only observes"),
        ({"settings": SettingsStatus(faults="mode: found x")}, "settings file"),
    ],
)
def test_notice_tells_what_is_wrong_with_sidecar(
    world: RuleWorld, changes: dict[str, object], words: str
) -> None:
    world.state = replace(world.state, **changes)  # type: ignore[arg-type]
    assert any(words in notice for notice in views_of(world).summary.notices)


def test_lost_network_is_a_notice(world: RuleWorld) -> None:
    loss = OwnNetworkStatus(since=world.now)
    world.state = replace(world.state, own_network=loss)
    notices = views_of(world).summary.notices
    assert any("its own network" in notice for notice in notices)


def test_plans_are_in_order_and_those_of_the_past_are_left_out(
    world: RuleWorld,
) -> None:
    plans = [
        PlannedTime(name, world.now.wall + later_s, "0 3 * * *", "UTC", skipped=skipped)
        for name, later_s, skipped in (
            ("b", 7200.0, True),
            ("a", 3600.0, False),
            ("gone", -60.0, False),
        )
    ]
    shown_plans = views_of(world, *plans).plans
    assert [plan.target for plan in shown_plans] == ["a", "b"]
    assert [plan.is_skipped for plan in shown_plans] == [False, True]


def test_decisions_are_the_latest_first(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    decisions = views_of(world).decisions
    assert [line.target for line in decisions] == [SERVICE, WALLET]
    assert decisions[1].text == "restart"


def test_operator_reads_why_a_part_of_sidecar_does_not_work(world: RuleWorld) -> None:
    loop, channel = views_of(world).parts
    assert (loop.is_ok, loop.word) == (True, "works")
    assert (channel.name, channel.reason) == ("Notifications: ops", "No answer.")


def test_visitor_sees_neither_channel_nor_reason(world: RuleWorld) -> None:
    _, channel = views_of(world, is_operator=False).parts
    assert (channel.name, channel.word) == ("Notifications", "does not work")
    assert channel.reason == ""


def test_resolved_incidents_are_not_among_the_open_ones(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    assert len(views_of(world).incidents) == 1
    world.complete_remedy(WALLET)
    world.works(WALLET, times=4)
    assert views_of(world).incidents == ()


def test_advice_is_for_operators(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    (card,) = views_of(world).incidents
    (public_card,) = views_of(world, is_operator=False).incidents
    assert "docker logs" in card.advice
    assert public_card.advice == ""
    assert public_card.doing == card.doing
