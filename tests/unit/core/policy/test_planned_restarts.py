"""Planned restarts: the root, verified, then its dependents, each verified."""

from dataclasses import replace

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    ContainersListed,
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.target import (
    AfterDependency,
    InstanceId,
    Mode,
    PlannedRestartSettings,
    RestartSettings,
)
from sidecar.core.recovery.planned_restart import PLAN_STEP_S
from tests.support.rule_scenarios import (
    NIGHTLY_RESTART,
    OTHER,
    RESTART,
    restart_container,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import EPOCH, SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
ROUTES = NotifySettings(routes=Routes(("ops",), dict.fromkeys(Severity, ("ops",))))
NIGHTLY = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))


def start_planned_world(**settings: object) -> RuleWorld:
    settings.setdefault("targets", (NIGHTLY, SERVICE))
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def list_planned(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.trigger is Trigger.PLANNED]


def test_a_planned_restart_verifies_the_root_then_its_dependents() -> None:
    world = start_planned_world()
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert world.last(ROOT).polite_stop_s > 0.0
    world.complete_remedy(ROOT)
    world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]
    world.complete_remedy(LEAF)
    world.works(LEAF)
    assert world.state.plan is None
    assert world.instance(ROOT).lane.tries == 0
    assert world.state.incidents == {}


def test_a_dependent_in_a_plan_waits_for_the_verification_of_the_root() -> None:
    world = start_planned_world()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(1.0)
    waiting = world.last(LEAF)
    assert (waiting.action, waiting.guard) == (Action.HOLD, Guard.REMEDY_RUNNING)
    assert str(waiting.reason).startswith(f"it follows {ROOT} in its planned restart; ")


def test_a_dependent_that_is_never_restarted_after_its_root_is_left_out() -> None:
    world = start_planned_world(
        targets=(NIGHTLY, replace(SERVICE, after_dependency=AfterDependency.NEVER))
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT)
    world.works(ROOT, LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_a_planned_restart_is_skipped_while_a_streak_is_open() -> None:
    world = start_planned_world()
    world.fails(ROOT, Cause.REFUSED, 1)
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = list_planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.UNSTABLE)
    assert "is failing (" in str(skip.reason)
    world.works(ROOT)
    world.wait(3600.0)
    assert world.acts() == []


def test_a_planned_restart_is_skipped_while_a_remedy_is_open() -> None:
    world = start_planned_world()
    world.fails(ROOT, Cause.REFUSED, 3)
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = list_planned(world)
    assert skip.action is Action.SKIP


def test_a_planned_restart_is_skipped_after_a_restart_in_six_hours() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0 - 5 * 3600.0)
    world = start_planned_world(containers={InstanceId(ROOT, 1): fresh})
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = list_planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.RECENTLY_RESTARTED)
    assert "5.0 h ago" in str(skip.reason)


def test_a_planned_restart_is_skipped_in_observe_mode() -> None:
    world = start_planned_world(mode=Mode.OBSERVE)
    world.send(PlannedRestartDue(world.now, ROOT))
    (skip,) = list_planned(world)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.OBSERVE)


def test_a_root_that_does_not_come_back_ends_the_plan_and_becomes_an_incident() -> None:
    world = start_planned_world()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT)
    for _ in range(80):
        world.fails(ROOT, Cause.REFUSED, 1)
    assert world.state.plan is None
    assert (LEAF, Action.RESTART) not in world.acts()
    assert [i.target for i in world.state.incidents.values()] == [ROOT]


def test_the_remaining_steps_of_a_plan_can_be_cancelled() -> None:
    world = start_planned_world()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartCancelled(world.now, ROOT))
    world.complete_remedy(ROOT)
    world.works(ROOT, LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_two_planned_restarts_due_at_once_run_one_by_one() -> None:
    second = replace(
        SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
    )
    world = start_planned_world(targets=(NIGHTLY, second))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, LEAF))
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def test_a_remedy_that_never_ends_does_not_hold_the_next_plan_for_ever() -> None:
    second = replace(
        SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
    )
    world = start_planned_world(targets=(NIGHTLY, second))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, LEAF))
    world.wait(275.0)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def test_a_plan_that_waits_too_long_is_skipped() -> None:
    second = replace(
        SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
    )
    world = start_planned_world(targets=(NIGHTLY, second))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.send(PlannedRestartDue(world.now, LEAF))
    world.wait(590.0, 5.0)
    assert list_planned(world)[-1].action is Action.HOLD
    world.wait(15.0, 5.0)
    assert list_planned(world)[-1].action is Action.SKIP
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.wait(60.0)
    assert world.acts() == []


def list_skip_messages(world: RuleWorld) -> list[Message]:
    return [m for m in world.messages if m.kind is MessageKind.PLAN_SKIPPED]


def test_a_skipped_planned_restart_sends_a_message_with_its_reason() -> None:
    world = start_planned_world(notify=ROUTES)
    world.fails(ROOT, Cause.REFUSED, times=1)
    world.send(PlannedRestartDue(world.now, ROOT))
    (message,) = list_skip_messages(world)
    assert (message.severity, message.channel) == (Severity.P2, "ops")
    assert message.facts["target"] == ROOT
    assert "is failing (" in message.facts["last_reason"]


def test_a_planned_restart_skipped_by_settings_is_a_p3_message() -> None:
    world = start_planned_world(notify=ROUTES, mode=Mode.OBSERVE)
    world.send(PlannedRestartDue(world.now, ROOT))
    (message,) = list_skip_messages(world)
    assert message.severity is Severity.P3


def test_a_skipped_planned_restart_of_a_paused_target_sends_nothing() -> None:
    world = start_planned_world(notify=ROUTES)
    world.send(PauseRequested(world.now, (ROOT,)))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(700.0)
    assert list_skip_messages(world) == []


def start_two_planned_stacks() -> RuleWorld:
    second = replace(
        WALLET, name="second", service="second", preventive=NIGHTLY_RESTART
    )
    reader = replace(SERVICE, name="reader", depends_on=("second",))
    return start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE, second, reader)
    )


def test_one_planned_restart_is_finished_before_the_next_begins() -> None:
    world = start_two_planned_stacks()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, "second"))
    for _ in range(4):
        name = world.acts()[-1][0]
        world.complete_remedy(name)
        world.works(ROOT, LEAF, "second", "reader")
    assert [name for name, _ in world.acts()] == [ROOT, LEAF, "second", "reader"]
    holds = [
        d for d in world.decisions if d.name == "second" and d.action is Action.HOLD
    ]
    assert holds[0].guard is Guard.REMEDY_RUNNING


def test_dependents_are_left_alone_when_the_planned_restart_was_not_sent() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE)
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    world.works(ROOT, LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.state.plan is None


def test_a_step_that_waits_too_long_is_skipped_and_the_plan_goes_on() -> None:
    third = replace(SERVICE, name=OTHER)
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE, third)
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT)
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.works(ROOT)
    world.wait(620.0, 5.0)
    (skip,) = [d for d in world.decisions if d.action is Action.SKIP]
    assert (skip.name, skip.guard) == (LEAF, Guard.UNSTABLE)
    assert "did not come in time" in str(skip.reason)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()
    world.wait(1.0)
    assert world.acts() == [(ROOT, RESTART), (OTHER, RESTART)]


def test_a_target_that_is_no_longer_watched_does_not_hold_a_plan() -> None:
    third = replace(SERVICE, name=OTHER)
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE, third)
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT)
    world.targets = (world.targets[0], third)
    world.containers.pop(InstanceId(LEAF, 1))
    world.relist()
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (OTHER, RESTART)]


def test_a_plan_ends_when_its_root_is_removed() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE)
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    alone = replace(SERVICE, depends_on=())
    only = container(LEAF)
    world.send(ContainersListed(world.now, (alone,), ((InstanceId(LEAF, 1), only),)))
    assert world.state.plan is None
    assert world.state.due == {}
    assert world.acts() == [(ROOT, RESTART)]


def test_a_dependent_that_an_operator_stopped_is_left_out_of_the_plan() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE)
    )
    world.notice(LEAF, EngineEventKind.KILL)
    world.exits(LEAF, 143)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == [(ROOT, RESTART)]
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.wait(5.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert (Action.SKIP, Guard.NOT_CURABLE) in world.decision_guards(LEAF)
    assert world.state.plan is None


def test_a_root_that_an_operator_stopped_has_no_planned_restart() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE)
    )
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == []
    skips = [d for d in world.decisions if d.action is Action.SKIP]
    assert [d.trigger for d in skips] == [Trigger.PLANNED]


def test_only_the_first_replica_reports_a_held_planned_restart() -> None:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2)}
    world = RuleWorld((replace(WALLET, preventive=NIGHTLY_RESTART),), containers=pair)
    world.works(f"{ROOT}-1", f"{ROOT}-2")
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    assert [d.name for d in world.decisions] == [f"{ROOT}-1"]
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.complete_remedy(f"{ROOT}-1")
    world.works(f"{ROOT}-1")
    world.wait(30.0)
    assert [name for name, _ in world.acts()] == [f"{ROOT}-1", f"{ROOT}-2"]


def test_the_root_has_its_planned_restart_after_that_of_a_dependent() -> None:
    leaf = replace(SERVICE, preventive=NIGHTLY_RESTART)
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), leaf)
    )
    world.send(PlannedRestartDue(world.now, LEAF))
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == [(LEAF, RESTART)]
    world.complete_remedy(LEAF)
    world.works(LEAF)
    assert world.acts() == [(LEAF, RESTART), (ROOT, RESTART)]
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert (Action.SKIP, Guard.RECENTLY_RESTARTED) in world.decision_guards(LEAF)


def test_a_planned_restart_is_skipped_while_an_incident_of_the_root_is_open() -> None:
    left_alone = replace(SERVICE, after_dependency=AfterDependency.NEVER)
    world = start_healthy_world(
        targets=(replace(WALLET, preventive=NIGHTLY_RESTART), left_alone)
    )
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.send(PlannedRestartDue(world.now, ROOT))
    skip = world.last(ROOT)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.UNSTABLE)
    assert "is open" in str(skip.reason)


def test_cancelling_one_planned_restart_keeps_the_other() -> None:
    world = start_two_planned_stacks()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, "second"))
    world.send(PlannedRestartCancelled(world.now, "second"))
    for _ in range(2):
        world.complete_remedy(world.acts()[-1][0])
        world.works(ROOT, LEAF)
    world.wait(5.0)
    assert [name for name, _ in world.acts()] == [ROOT, LEAF]


def test_a_waiting_planned_restart_is_given_up_with_its_target() -> None:
    world = start_two_planned_stacks()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, "second"))
    world.targets = world.targets[:2]
    world.relist()
    assert world.state.due == {}
    assert world.state.plan is not None
    assert world.state.plan.remaining_ids == (InstanceId(LEAF, 1),)


def test_skipping_one_planned_restart_does_not_shorten_another() -> None:
    world = start_two_planned_stacks()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.fails("second", Cause.REFUSED, 1)
    world.send(PlannedRestartDue(world.now, "second"))
    assert world.last("second").action is Action.SKIP
    assert world.state.due == {}
    assert world.state.plan is not None
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]


def test_a_planned_restart_that_is_due_again_while_it_waits_gets_no_more_time() -> None:
    world = start_healthy_wallet(lists=False)
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason="gone"))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(PLAN_STEP_S - 60.0)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.decision_guards(ROOT)[-1] == (Action.HOLD, Guard.ENGINE)
    world.wait(61.0)
    assert world.decision_guards(ROOT)[-1] == (Action.SKIP, Guard.UNSTABLE)


def test_a_step_of_a_plan_goes_before_the_targets_own_planned_restart() -> None:
    world = RuleWorld(
        (
            replace(WALLET, preventive=NIGHTLY_RESTART),
            replace(SERVICE, preventive=NIGHTLY_RESTART),
        )
    )
    world.works(ROOT, LEAF)
    world.send(PlannedRestartDue(world.now, ROOT))
    world.fails(LEAF, Cause.REFUSED, 1)
    world.send(PlannedRestartDue(world.now, LEAF))
    assert world.decision_guards(LEAF)[-1] == (Action.HOLD, Guard.REMEDY_RUNNING)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]
    assert str(world.last(LEAF).reason).startswith(f"it follows {ROOT}")


def test_own_planned_restart_is_skipped_once_while_another_plan_will_reach_it() -> None:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2)}
    switched_off = RestartSettings(enabled=False)
    leaf = replace(SERVICE, preventive=NIGHTLY_RESTART, restart=switched_off)
    world = RuleWorld((NIGHTLY, leaf), containers=pair, notify=ROUTES)
    world.works(f"{ROOT}-1", f"{ROOT}-2", LEAF)
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, LEAF))
    world.wait(2.0)
    assert world.decision_guards(LEAF) == [(Action.SKIP, Guard.OPTED_OUT)]
    assert world.state.plan is not None
    assert InstanceId(LEAF, 1) in world.state.plan.remaining_ids


def test_own_planned_restart_does_not_overtake_the_plan_of_the_root() -> None:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2)}
    leaf = replace(SERVICE, preventive=NIGHTLY_RESTART)
    world = RuleWorld((NIGHTLY, leaf), containers=pair)
    world.works(f"{ROOT}-1", f"{ROOT}-2", LEAF)
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(f"{ROOT}-1")
    world.works(f"{ROOT}-1")
    world.send(PlannedRestartDue(world.now, LEAF))
    world.wait(5.0)
    assert [name for name, _ in world.acts()] == [f"{ROOT}-1"]
    world.wait(30.0)
    assert [name for name, _ in world.acts()] == [f"{ROOT}-1", f"{ROOT}-2"]


def test_an_operators_restart_that_could_not_be_sent_ends_no_plan() -> None:
    other = replace(SERVICE, name="rates", depends_on=())
    world = RuleWorld((replace(WALLET, preventive=NIGHTLY_RESTART), SERVICE, other))
    world.works(ROOT, LEAF, "rates")
    world.send(PlannedRestartDue(world.now, ROOT))
    world.complete_remedy(ROOT)
    restart_container(world, InstanceId(LEAF, 1))
    world.works(ROOT)
    assert world.decision_guards(LEAF)[-1] == (Action.HOLD, Guard.STARTING)
    world.send(RestartRequested(world.now, "rates"))
    world.complete_remedy("rates", RemedyCallResult.NOT_SENT, restart=False)
    world.works(LEAF)
    assert world.acts()[-1] == (LEAF, Action.RESTART)
