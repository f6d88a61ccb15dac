"""Planned restarts: the root, verified, then its dependents, each verified."""

from dataclasses import replace

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.target import (
    AfterDependency,
    InstanceId,
    Mode,
    PlannedRestartSettings,
)
from tests.support.rule_world import EPOCH, SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
ROUTES = NotifySettings(routes=Routes(("ops",), dict.fromkeys(Severity, ("ops",))))
NIGHTLY = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))


def calm(**settings: object) -> RuleWorld:
    settings.setdefault("targets", (NIGHTLY, SERVICE))
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def planned(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.trigger is Trigger.PLANNED]


def test_root_first_verified_then_its_dependents() -> None:
    world = calm()
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert world.last(ROOT).polite_stop_s > 0.0
    world.acted(ROOT)
    world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]
    world.acted(LEAF)
    world.works(LEAF)
    assert world.state.plan is None
    assert world.instance(ROOT).lane.tries == 0
    assert world.state.incidents == {}


def test_who_waits_for_the_root_does_not_say_that_it_works_already() -> None:
    world = calm()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(1.0)
    waiting = world.last(LEAF)
    assert (waiting.action, waiting.guard) == (Action.HOLD, Guard.REMEDY_RUNNING)
    assert str(waiting.reason).startswith(f"it follows {ROOT} in its planned restart; ")


def test_a_dependent_that_is_never_restarted_after_its_root_is_left_out() -> None:
    world = calm(
        targets=(NIGHTLY, replace(SERVICE, after_dependency=AfterDependency.NEVER))
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    world.acted(ROOT)
    world.works(ROOT, LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_skipped_while_a_streak_is_open() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 1)
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.UNSTABLE)
    assert "is failing (" in str(skip.reason)
    world.works(ROOT)
    world.wait(3600.0)
    assert world.acts() == []


def test_skipped_while_a_remedy_is_open() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 3)
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = planned(world)
    assert skip.action is Action.SKIP


def test_skipped_when_it_was_restarted_in_the_last_six_hours() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0 - 5 * 3600.0)
    world = calm(containers={InstanceId(ROOT, 1): fresh})
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.RECENTLY_RESTARTED)
    assert "5.0 h ago" in str(skip.reason)


def test_skipped_in_observe_mode_with_what_it_would_have_done() -> None:
    world = calm(mode=Mode.OBSERVE)
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.OBSERVE)


def test_a_root_that_does_not_come_back_ends_the_plan_and_becomes_an_incident() -> None:
    world = calm()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.acted(ROOT)
    for _ in range(80):
        world.fails(ROOT, Cause.REFUSED, 1)
    assert world.state.plan is None
    assert (LEAF, Action.RESTART) not in world.acts()
    assert [i.target for i in world.state.incidents.values()] == [ROOT]


def test_what_is_left_of_a_plan_can_be_called_off() -> None:
    world = calm()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartCancelled(world.now, ROOT))
    world.acted(ROOT)
    world.works(ROOT, LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_two_due_at_once_go_one_after_the_other() -> None:
    second = replace(
        SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
    )
    world = calm(targets=(NIGHTLY, second))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, LEAF))
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.acted(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def test_a_remedy_that_never_ends_does_not_hold_the_next_plan_for_ever() -> None:
    second = replace(
        SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
    )
    world = calm(targets=(NIGHTLY, second))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, LEAF))
    world.wait(275.0)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def test_a_plan_whose_turn_does_not_come_in_time_is_skipped() -> None:
    second = replace(
        SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
    )
    world = calm(targets=(NIGHTLY, second))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.send(PlannedRestartDue(world.now, LEAF))
    world.wait(590.0, 5.0)
    assert planned(world)[-1].action is Action.HOLD
    world.wait(15.0, 5.0)
    assert planned(world)[-1].action is Action.SKIP
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.wait(60.0)
    assert world.acts() == []


def skips_told(world: RuleWorld) -> list[Message]:
    return [m for m in world.messages if m.kind is MessageKind.PLAN_SKIPPED]


def test_people_hear_of_a_planned_restart_that_was_left_out_and_why() -> None:
    world = calm(notify=ROUTES)
    world.fails(ROOT, Cause.REFUSED, times=1)
    world.send(PlannedRestartDue(world.now, ROOT))
    (told,) = skips_told(world)
    assert (told.severity, told.channel) == (Severity.P2, "ops")
    assert told.facts["target"] == ROOT
    assert "is failing (" in told.facts["last_reason"]


def test_what_the_settings_want_left_out_is_a_notice() -> None:
    world = calm(notify=ROUTES, mode=Mode.OBSERVE)
    world.send(PlannedRestartDue(world.now, ROOT))
    (told,) = skips_told(world)
    assert told.severity is Severity.P3


def test_of_a_paused_target_nothing_is_told() -> None:
    world = calm(notify=ROUTES)
    world.send(PauseRequested(world.now, (ROOT,)))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(700.0)
    assert skips_told(world) == []
