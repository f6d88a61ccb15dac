"""When a container is recreated, and how an interrupted recreate is ended."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import (
    PauseRequested,
    RecoverRequested,
    RemedyCallResult,
    RemedyExecuted,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import RemedyPhase
from sidecar.core.model.lane import LaneName, RemedyStats
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import EfficacyKey
from sidecar.core.model.target import InstanceId, RestartSettings, Target
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.policy.explanation import explain
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery import recreate_execution, recreation
from sidecar.core.status.set_aside import set_aside_name
from tests.support.process_takeover import start_successor
from tests.support.rule_world import RuleWorld

SHOP = "shop"
ID = InstanceId(SHOP, 1)
TARGET = Target(
    SHOP,
    probes=(HttpProbe("http://shop:8080/"),),
    restart=RestartSettings(recovery_timeout_s=20.0, slow_lane_s=(60.0, 120.0, 240.0)),
    recreate=True,
)
NEVER_HELPED = RemedyStats(tries=8, outages=4)


def healthy_world(**settings: object) -> RuleWorld:
    world = RuleWorld(targets=(replace(TARGET, **settings),))  # type: ignore[arg-type]
    world.works(SHOP)
    return world


def remember(world: RuleWorld, remedy: RemedyKind, cause: Cause) -> None:
    key = EfficacyKey(SHOP, cause, remedy)
    ledger = MappingProxyType({**world.state.ledger, key: NEVER_HELPED})
    world.state = replace(world.state, ledger=ledger)


def fail_for(world: RuleWorld, seconds: float, cause: Cause = Cause.HTTP_5XX) -> None:
    """Fail all probes; each remedy is sent and does not help."""
    end_s = world.now_s + seconds
    while world.now_s < end_s:
        world.fails(SHOP, cause, 1)
        if world.is_acting(SHOP):
            send_remedy(world)


def send_remedy(
    world: RuleWorld, result: RemedyCallResult = RemedyCallResult.DONE
) -> None:
    if world.last(SHOP).action is Action.RECREATE:
        send_result(world, result, new_container(world))
    else:
        world.complete_remedy(SHOP, result)


def new_container(world: RuleWorld) -> Container:
    """The container that takes the old one's place."""
    old = world.containers[ID]
    return replace(old, id=f"{old.id}+", started_at=world.now.wall)


def send_result(
    world: RuleWorld,
    result: RemedyCallResult,
    container: Container | None = None,
    *,
    settled: bool = False,
) -> None:
    if result is RemedyCallResult.DONE and container is not None:
        world.containers[ID] = container
    world.send(
        RemedyExecuted(
            world.now, ID, result, text_reason("so"), container, settled=settled
        )
    )


def remedies(world: RuleWorld) -> list[Action]:
    return [action for _, action in world.acts()]


def until_recreate(world: RuleWorld) -> None:
    while not world.is_acting(SHOP) or world.last(SHOP).action is not Action.RECREATE:
        fail_step(world)


def fail_step(world: RuleWorld) -> None:
    world.fails(SHOP, Cause.HTTP_5XX, 1)
    acting = world.is_acting(SHOP)
    if acting and world.last(SHOP).action is not Action.RECREATE:
        world.complete_remedy(SHOP)


# --- when


def test_recreate_is_first_try_after_fast_lane_and_comes_once() -> None:
    world = healthy_world()
    fail_for(world, 900.0)
    acts = [Action.RESTART] * 3 + [Action.RECREATE] + [Action.RESTART] * 2
    assert remedies(world) == acts
    assert world.instance(SHOP).lane.name is LaneName.DEAD_LETTER


def test_recreate_needs_its_setting() -> None:
    world = healthy_world(recreate=False)
    fail_for(world, 900.0)
    assert Action.RECREATE not in remedies(world)


@pytest.mark.parametrize(
    ("cause", "action"),
    [(Cause.HTTP_5XX, Action.RECREATE), (Cause.AUTH, Action.RESTART)],
)
def test_recreate_is_for_causes_that_a_restart_can_repair(
    cause: Cause, action: Action
) -> None:
    """``sidecar explain`` asks for others as well."""
    world = healthy_world()
    fail_for(world, 60.0)
    assert choose(world, cause, spent=(1.0,)) is action


def test_recreate_comes_only_after_a_quick_try() -> None:
    world = healthy_world()
    fail_for(world, 60.0)
    assert choose(world, Cause.HTTP_5XX, spent=()) is Action.RESTART


def choose(world: RuleWorld, cause: Cause, spent: tuple[float, ...]) -> Action:
    """The action in place of a restart in the slow lane, after these quick tries."""
    lane = replace(world.instance(SHOP).lane, name=LaneName.SLOW, spent=spent)
    instance = replace(world.instance(SHOP), lane=lane, recreated_in="")
    return recreation.choose_action(
        world.state, instance, TARGET, cause, Action.RESTART
    )


def test_recreate_is_not_repeated_in_its_incident_after_recover() -> None:
    world = healthy_world()
    fail_for(world, 300.0)
    world.send(RecoverRequested(world.now, SHOP))
    fail_for(world, 300.0)
    assert remedies(world).count(Action.RECREATE) == 1


def test_recreate_comes_again_in_another_incident() -> None:
    world = healthy_world()
    for _ in range(2):
        until_recreate(world)
        send_remedy(world)
        world.works(SHOP, times=200)
        world.wait(3600.0)
        world.works(SHOP)
    assert remedies(world).count(Action.RECREATE) == 2


def test_recreate_is_first_where_restarts_never_helped() -> None:
    world = healthy_world()
    remember(world, RemedyKind.RESTART, Cause.HTTP_5XX)
    world.fails(SHOP, Cause.HTTP_5XX)
    assert remedies(world) == [Action.RECREATE]
    send_remedy(world)
    fail_for(world, 120.0)
    assert world.last(SHOP).guard is Guard.INEFFECTIVE


def test_recreate_that_never_helped_gives_way_to_restarts() -> None:
    world = healthy_world()
    remember(world, RemedyKind.RECREATE, Cause.HTTP_5XX)
    fail_for(world, 300.0)
    assert remedies(world) == [Action.RESTART] * 4


def test_recreate_counts_as_an_outage_of_its_own_in_the_ledger() -> None:
    world = healthy_world()
    fail_for(world, 300.0)
    record = world.state.ledger[EfficacyKey(SHOP, Cause.HTTP_5XX, RemedyKind.RECREATE)]
    assert (record.tries, record.outages, record.recovered) == (1, 1, 0)


@pytest.mark.parametrize("cause", [Cause.AUTH, Cause.MISCONFIGURED, Cause.DETACHED])
def test_cause_without_restart_is_never_recreated(cause: Cause) -> None:
    world = healthy_world()
    fail_for(world, 900.0, cause)
    assert remedies(world) == []


def test_paused_target_is_not_recreated() -> None:
    world = healthy_world()
    fail_for(world, 60.0)
    world.send(PauseRequested(world.now, (SHOP,)))
    fail_for(world, 600.0)
    assert Action.RECREATE not in remedies(world)


def test_decision_says_that_restarts_do_not_help() -> None:
    world = healthy_world()
    until_recreate(world)
    assert "restarts do not help: recreate now" in str(world.last(SHOP).reason)


def test_explanation_names_the_recreate_once_it_is_the_next_try() -> None:
    world = healthy_world()
    assert explain(world.state, ID, world.now).action is Action.RESTART
    while world.instance(SHOP).lane.name is LaneName.FAST:
        fail_step(world)
    explanation = explain(world.state, ID, world.now)
    assert explanation.action is Action.RECREATE
    assert explanation.next_failure.remedy is Action.RECREATE


# --- results


def test_recreated_target_is_verified_in_its_new_container() -> None:
    world = healthy_world()
    until_recreate(world)
    new = new_container(world)
    send_result(world, RemedyCallResult.DONE, new)
    assert world.instance(SHOP).container == new
    world.works(SHOP)
    ended = [t for t in world.transitions if isinstance(t, RemedyEnded)][-1]
    assert (ended.action, ended.outcome) == (Action.RECREATE, RemedyOutcome.RECOVERED)
    assert world.instance(SHOP).lane.tries == 0


def test_refused_recreate_is_reported_and_a_restart_takes_its_place() -> None:
    world = healthy_world()
    until_recreate(world)
    tries = world.instance(SHOP).lane.tries
    send_result(world, RemedyCallResult.REFUSED)
    ended = [t for t in world.transitions if isinstance(t, RemedyEnded)][-1]
    assert (ended.action, ended.outcome) == (Action.RECREATE, RemedyOutcome.FAILED)
    assert world.instance(SHOP).lane.tries == tries - 1
    fail_for(world, 10.0)
    assert world.last(SHOP).action is Action.RESTART
    fail_for(world, 600.0)
    assert remedies(world).count(Action.RECREATE) == 1


def test_recreate_that_was_not_sent_is_tried_again() -> None:
    world = healthy_world()
    until_recreate(world)
    send_result(world, RemedyCallResult.NOT_SENT)
    fail_for(world, 10.0)
    assert remedies(world).count(Action.RECREATE) == 2


def test_rolled_back_recreate_is_a_failed_try() -> None:
    world = healthy_world()
    until_recreate(world)
    again = replace(world.containers[ID], started_at=world.now.wall)
    send_result(world, RemedyCallResult.FAILED, again)
    assert world.instance(SHOP).lane.slow_tries == 1
    assert world.instance(SHOP).remedy is None


@pytest.mark.parametrize(
    ("result", "uncertain_before", "uncertain_after"),
    [
        (RemedyCallResult.DONE, True, False),
        (RemedyCallResult.UNKNOWN, True, True),
        (RemedyCallResult.UNKNOWN, False, True),
        (RemedyCallResult.NOT_SENT, False, False),
        (RemedyCallResult.NOT_SENT, True, None),
    ],
)
def test_recreate_that_is_settled_is_verified_unless_nothing_is_known_of_it(
    result: RemedyCallResult, *, uncertain_before: bool, uncertain_after: bool | None
) -> None:
    world = healthy_world()
    until_recreate(world)
    overlap = RestartOverlap(since_mono=1.0, own=1)
    attached = replace(world.instance(SHOP), overlap=overlap)
    assert attached.remedy is not None
    remedy = replace(attached.remedy, uncertain=uncertain_before)
    event = RemedyExecuted(world.now, ID, result, text_reason("so"), settled=True)
    update = recreate_execution.on_settled(world.state, attached, remedy, event)
    if uncertain_after is None:
        assert update is None
        return
    assert update is not None
    settled = update.state.instances[ID]
    assert settled.remedy is not None
    assert settled.remedy.phase is RemedyPhase.VERIFYING
    assert settled.remedy.uncertain is uncertain_after
    assert settled.overlap == RestartOverlap()


# --- another process


def interrupt_recreate(world: RuleWorld, old: Status, new: Status | None) -> RuleWorld:
    """The successor of a process that was killed in a recreate."""
    until_recreate(world)
    before = world.containers[ID]
    aside = replace(before, name=set_aside_name(before.name), status=old)
    world.beside = ()
    world.containers[ID] = aside
    successor_of = world
    if new is not None:
        started = world.now.wall if new is not Status.CREATED else 0.0
        replacement = replace(
            before, id=f"{before.id}+", status=new, started_at=started
        )
        world.containers[InstanceId(SHOP, 99)] = replacement
    return start_successor(successor_of)


def test_stopped_old_container_is_settled_at_once() -> None:
    successor = interrupt_recreate(healthy_world(), Status.EXITED, Status.CREATED)
    decision = successor.last(SHOP)
    assert (decision.action, decision.settles) == (Action.RECREATE, True)
    assert decision.trigger is Trigger.FAILURE


def test_settlement_does_not_wait_for_the_restart_policy() -> None:
    """The engine leaves a container that Sidecar has stopped as it is."""
    world = healthy_world()
    world.containers[ID] = replace(world.containers[ID], restart_policy="always")
    world.relist()
    successor = interrupt_recreate(world, Status.EXITED, Status.CREATED)
    assert successor.last(SHOP).action is Action.RECREATE


def test_running_old_container_is_settled_after_the_engine_has_had_its_time() -> None:
    successor = interrupt_recreate(healthy_world(), Status.RUNNING, Status.CREATED)
    assert successor.acts() == []
    successor.wait(61.0)
    assert [d.settles for d in successor.decisions if d.action is Action.RECREATE] == [
        True
    ]


def test_running_new_container_is_verified_and_old_one_removed() -> None:
    successor = interrupt_recreate(healthy_world(), Status.EXITED, Status.RUNNING)
    successor.wait(6.0)
    assert successor.last(SHOP).settles
    new = successor.containers.pop(InstanceId(SHOP, 99))
    send_result(successor, RemedyCallResult.DONE, new, settled=True)
    assert successor.instance(SHOP).set_aside == ""
    successor.works(SHOP)
    ended = [t for t in successor.transitions if isinstance(t, RemedyEnded)][-1]
    assert (ended.action, ended.outcome) == (Action.RECREATE, RemedyOutcome.RECOVERED)


def test_settlement_is_no_further_try() -> None:
    successor = interrupt_recreate(healthy_world(), Status.EXITED, Status.CREATED)
    before = successor.instance(SHOP).lane.tries
    old = replace(successor.containers[ID], status=Status.RUNNING)
    send_result(successor, RemedyCallResult.FAILED, old, settled=True)
    assert successor.instance(SHOP).lane.tries == before
    assert successor.instance(SHOP).lane.slow_tries == 1


def test_paused_target_is_settled_all_the_same() -> None:
    world = healthy_world()
    until_recreate(world)
    world.send(PauseRequested(world.now, (SHOP,)))
    successor = interrupt_recreate(world, Status.EXITED, Status.CREATED)
    assert successor.last(SHOP).settles


def leftover_world() -> RuleWorld:
    """A healthy target whose old container is still there, without any record."""
    world = healthy_world()
    old = world.containers[ID]
    aside = replace(old, id="old", name=set_aside_name(old.name), status=Status.EXITED)
    world.containers[InstanceId(SHOP, 99)] = aside
    world.relist()
    return world


def test_listing_from_before_the_end_of_a_recreate_is_not_believed() -> None:
    world = healthy_world()
    until_recreate(world)
    old = world.containers[ID]
    send_result(world, RemedyCallResult.DONE, new_container(world))
    aside = replace(old, name=set_aside_name(old.name), status=Status.EXITED)
    world.containers[InstanceId(SHOP, 99)] = aside
    world.relist()
    del world.containers[InstanceId(SHOP, 99)]
    world.wait(1.0)
    world.relist()
    world.wait(10.0)
    assert not any(decision.settles for decision in world.decisions)


def test_leftover_without_a_record_is_settled_and_counts_nothing() -> None:
    world = leftover_world()
    assert world.last(SHOP).settles
    del world.containers[InstanceId(SHOP, 99)]
    send_result(world, RemedyCallResult.DONE, settled=True)
    instance = world.instance(SHOP)
    assert (instance.remedy, instance.lane.tries) == (None, 0)
    assert world.state.restarts == ()
    world.wait(60.0)
    assert len(world.acts()) == 1


def test_settlement_that_cannot_be_sent_is_repeated_at_intervals() -> None:
    world = leftover_world()
    for _ in range(5):
        send_result(world, RemedyCallResult.NOT_SENT, settled=True)
        world.wait(5.0)
    assert 2 <= len(world.acts()) <= 4
    assert world.instance(SHOP).lane.tries == 0


def test_refused_settlement_is_held_and_asked_again_after_an_hour() -> None:
    world = leftover_world()
    send_result(world, RemedyCallResult.REFUSED, settled=True)
    world.wait(60.0, step=1.0)
    assert world.last(SHOP).guard is Guard.FORBIDDEN
    assert len(world.acts()) == 1
    world.wait(3700.0, step=30.0)
    assert len(world.acts()) == 2


def test_every_wallet_that_is_known_must_be_kept() -> None:
    """Also one that an operator loaded by hand, beside that of the settings."""
    probe = ElectronCashProbe("http://shop:7777/", wallet_path=("/data/w",))
    backup = BackupSettings(("/data/w", "/data/cold"), "0 3 * * *")
    world = healthy_world(probes=(probe,), backup=backup)
    instance = replace(world.state.instances[ID], wallets=("/data/w", "/tmp/hot"))
    target = world.state.targets[SHOP]
    why = text_reason("so")
    decision = Decision(world.now, ID, SHOP, Action.RECREATE, Guard.NONE, why)
    paths = recreation.wallets_to_keep(decision, instance, target)
    assert paths == ("/data/w", "/tmp/hot", "/data/cold")
