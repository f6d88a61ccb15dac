"""One target in words."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.reason.reason import text_reason
from sidecar.web.page.target_view import (
    LEVELS,
    TargetView,
    build_target_view,
    last_answer_wall,
)
from sidecar.web.page.texts import PageTexts, dom_id
from sidecar.web.views.public_state import public_state
from tests.support.drill_world import DrillWorld
from tests.support.maintenance_windows import begin_window
from tests.support.page_host import read_test_texts
from tests.support.rule_world import RuleWorld

TEXTS = {
    language: PageTexts(language, read_test_texts(language))
    for language in ("en", "ko")
}
WALLET, SERVICE = "electron-cash", "bitcoincash-service"


def view(
    world: RuleWorld,
    name: str,
    language: str = "en",
    *,
    is_operator: bool = True,
    planned: PlannedTime | None = None,
) -> TargetView:
    return build_target_view(
        world.state,
        world.instance(name),
        world.now,
        TEXTS[language],
        planned,
        is_operator=is_operator,
    )


@pytest.fixture
def world() -> RuleWorld:
    world = RuleWorld()
    world.works(WALLET, SERVICE)
    return world


def test_every_state_has_a_level() -> None:
    assert LEVELS.keys() == set(TargetState)


def test_working_target_has_nothing_to_explain(world: RuleWorld) -> None:
    wallet_view = view(world, WALLET)
    assert (wallet_view.level, wallet_view.word) == ("ok", "works")
    assert (
        wallet_view.problem,
        wallet_view.reason,
        wallet_view.doing,
        wallet_view.why,
    ) == ("", "", "", "")


def test_failed_target_says_what_is_wrong_and_what_is_done(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    wallet_view = view(world, WALLET)
    assert wallet_view.problem == "It accepts no connections."
    assert wallet_view.doing == "Sidecar is restarting it."
    assert "restart now" in wallet_view.why


def test_korean_view_is_in_korean(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    wallet_view = view(world, WALLET, "ko")
    assert wallet_view.word == "복구 중"
    assert wallet_view.problem == "연결을 받지 않습니다."
    assert wallet_view.doing == "Sidecar가 다시 시작하고 있습니다."


def test_verified_restart_says_until_when(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    wallet_view = view(world, WALLET)
    assert wallet_view.doing.startswith("Sidecar restarted it at ")
    assert " and sees until " in wallet_view.doing


def test_dependent_waits_for_its_root_by_name(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    wallet_view = view(world, SERVICE)
    assert f"It waits for {WALLET}, which is repaired first." in wallet_view.doing
    assert wallet_view.needs == ((WALLET, WALLET),)


def test_cause_without_remedy_is_said_to_have_none(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.AUTH, 8)
    world.wait(60.0)
    assert "that would not help" in view(world, WALLET).doing


def test_observing_sidecar_says_that_it_does_nothing() -> None:
    world = RuleWorld(mode=Mode.OBSERVE)
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    assert view(world, WALLET).doing == "Sidecar does nothing: it only observes."


@pytest.mark.parametrize(
    ("until_s", "words"),
    [(float("inf"), "until further notice"), (3600.0, "paused Sidecar here until ")],
)
def test_pause_is_told_with_its_end(
    world: RuleWorld, until_s: float, words: str
) -> None:
    until_wall = world.now.wall + until_s
    world.state = replace(world.state, paused=MappingProxyType({WALLET: until_wall}))
    wallet_view = view(world, WALLET)
    assert wallet_view.is_paused
    assert words in wallet_view.doing


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Drill: hang, since "), ("ko", "훈련: hang, ")]
)
def test_drill_is_told_at_its_target_alone_to_visitors_too(
    language: str, words: str
) -> None:
    world = DrillWorld()
    world.begin(DrillFault.HANG)
    assert view(world, WALLET, language).doing.startswith(words)
    assert view(world, SERVICE, language).doing == ""
    world.state = public_state(world.state, world.now)
    visitor_view = view(world, WALLET, language, is_operator=False)
    assert visitor_view.doing.startswith(words)
    assert visitor_view.level == "ok"


def test_drill_that_has_ended_is_not_told() -> None:
    drills = DrillWorld()
    drills.ask(DrillFault.HANG)
    drills.prepare(problem=text_reason("no such call"))
    assert drills.state.drill is None
    assert view(drills, WALLET).doing == ""


def test_window_is_told_with_its_end_to_visitors_too(world: RuleWorld) -> None:
    begin_window(world, WALLET)
    assert "A maintenance window lasts until " in view(world, WALLET).doing
    world.state = public_state(world.state, world.now)
    visitor_view = view(world, WALLET, is_operator=False)
    assert "A maintenance window lasts until " in visitor_view.doing


def test_view_of_a_public_state_has_the_decision_in_force(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    world.state = public_state(world.state, world.now)
    wallet_view = view(world, WALLET, is_operator=False)
    assert "it is refused" not in wallet_view.reason + wallet_view.why
    assert "restart now" in wallet_view.why
    assert wallet_view.problem == "It accepts no connections."


def test_skipped_plan_is_marked(world: RuleWorld) -> None:
    plan = PlannedTime(
        WALLET, world.now.wall + 60.0, "0 3 * * *", "Asia/Seoul", skipped=True
    )
    assert view(world, WALLET, planned=plan).is_skipped


def test_last_answer_is_when_the_last_good_probe_was_sent(world: RuleWorld) -> None:
    answered = last_answer_wall(world.instance(WALLET), world.now)
    world.fails(WALLET, Cause.REFUSED, 2)
    assert answered is not None
    assert last_answer_wall(world.instance(WALLET), world.now) == pytest.approx(
        answered
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [("electron-cash-2", "electron-cash-2"), ("a.b", "a_2e_b"), ('x"<', "x_22__3c_")],
)
def test_dom_id_has_no_character_of_markup(name: str, expected: str) -> None:
    assert dom_id(name) == expected
