"""Planned restarts that a probe asks for: once, with every guard of a planned one."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import (
    ProbeVerdict,
    ProbeWarning,
    probe_match,
    probe_success,
)
from sidecar.core.model.probe_settings import OnMatch
from sidecar.core.model.target import InstanceId, PlannedRestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.restart_wish import WISH_AGAIN_S
from tests.support.rule_scenarios import start_healthy_world
from tests.support.rule_world import EPOCH, SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
WISH = probe_success(
    warnings=(ProbeWarning.MATCHED,), reason=text_reason("too much"), asks_restart=True
)


def list_planned(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.trigger is Trigger.PLANNED]


def start_young_world(age_s: float, target: object = WALLET) -> RuleWorld:
    young = container(ROOT, started_at=EPOCH + 1000.0 - age_s)
    world = RuleWorld(
        targets=(target, SERVICE),  # type: ignore[arg-type]  # a Target
        containers={InstanceId(ROOT, 1): young},
    )
    world.works(ROOT, LEAF)
    return world


@pytest.mark.parametrize(
    ("on_match", "verdict", "asks_restart"),
    [
        (OnMatch.WARN, ProbeVerdict.SUCCESS, False),
        (OnMatch.FAIL, ProbeVerdict.FAILURE, False),
        (OnMatch.PLANNED_RESTART, ProbeVerdict.SUCCESS, True),
    ],
)
def test_match_has_the_consequence_of_its_setting(
    on_match: OnMatch, verdict: ProbeVerdict, asks_restart: bool
) -> None:
    result = probe_match(on_match, Cause.COMMAND_FAILED, text_reason("seen"))
    assert (result.verdict, result.asks_restart) == (verdict, asks_restart)
    assert (ProbeWarning.MATCHED in result.warnings) == (on_match is not OnMatch.FAIL)
    assert str(result.reason) == "seen"


def test_match_that_warns_degrades_and_restarts_nothing() -> None:
    world = start_healthy_world()
    warned = probe_match(OnMatch.WARN, Cause.COMMAND_FAILED, text_reason("seen"))
    world.probe(ROOT, warned)
    world.wait(60.0)
    assert world.instance(ROOT).state is TargetState.DEGRADED
    assert world.acts() == []


def test_wish_restarts_the_root_then_its_dependents_as_planned() -> None:
    world = start_healthy_world()
    world.probe(ROOT, WISH)
    (planned,) = list_planned(world)
    assert (planned.action, planned.name) == (Action.RESTART, ROOT)
    assert "a probe asks for a planned restart: too much" in str(planned.reason)
    assert planned.polite_stop_s > 0.0
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def test_wish_without_preventive_is_skipped_after_a_recent_restart() -> None:
    world = start_young_world(5 * 3600.0)
    world.probe(ROOT, WISH)
    (skip,) = list_planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.RECENTLY_RESTARTED)


def test_wish_obeys_the_setting_of_planned_restarts() -> None:
    plan = PlannedRestartSettings(skip_if_restarted_within_s=3600.0)
    world = start_young_world(5 * 3600.0, replace(WALLET, preventive=plan))
    world.probe(ROOT, WISH)
    assert [d.action for d in list_planned(world)] == [Action.RESTART]


def test_skipped_wish_is_repeated_after_an_hour_only() -> None:
    world = start_young_world(60.0)
    world.probe(ROOT, WISH)
    world.probe(ROOT, WISH)
    world.wait(WISH_AGAIN_S - 60.0, step=30.0)
    world.probe(ROOT, WISH)
    assert len(list_planned(world)) == 1
    world.wait(61.0, step=30.0)
    world.probe(ROOT, WISH)
    assert [d.action for d in list_planned(world)] == [Action.SKIP, Action.SKIP]


def test_wish_during_a_remedy_is_ignored() -> None:
    world = start_healthy_world()
    world.probe(ROOT, WISH)
    world.complete_remedy(ROOT)
    world.probe(ROOT, WISH)
    assert world.state.due == {}


def test_young_dependent_follows_its_root_all_the_same() -> None:
    young = container(LEAF, started_at=EPOCH + 1000.0 - 300.0)
    world = RuleWorld(containers={InstanceId(LEAF, 1): young})
    world.works(ROOT, LEAF)
    world.probe(ROOT, WISH)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]
