"""A successor process takes over: nothing is forgotten or repeated."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartDue,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import EfficacyKey
from sidecar.core.model.target import (
    InstanceId,
    PlannedRestartSettings,
    RestartSettings,
    Target,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import IncidentChanged, RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.recovery.takeover import restore_state
from tests.support.process_takeover import REBOOT_S, start_successor, store_and_load
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"


def healthy_world(**settings: object) -> RuleWorld:
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def test_lane_and_its_backoff_survive_takeover() -> None:
    quick = RestartSettings(recovery_timeout_s=60.0)
    world = healthy_world(targets=(replace(WALLET, restart=quick),))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    left_s = world.instance(ROOT).lane.not_before - world.now_s
    successor = start_successor(world)
    lane = successor.instance(ROOT).lane
    assert lane.tries == 1
    assert lane.not_before - successor.now_s == pytest.approx(left_s - 5.0)


def test_limit_of_restarts_survives_takeover() -> None:
    world = healthy_world(targets=(WALLET,))
    for _ in range(12):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
            world.works(ROOT)
    successor = start_successor(world)
    successor.fails(ROOT, Cause.REFUSED, 5)
    assert successor.acts() == []


def test_open_incident_survives_takeover_and_is_resolved_once() -> None:
    world = healthy_world()
    world.fails(ROOT, Cause.AUTH)
    (incident,) = world.state.incidents.values()
    successor = start_successor(world)
    successor.fails(ROOT, Cause.AUTH)
    assert list(successor.state.incidents) == [incident.id]
    successor.works(ROOT)
    again = start_successor(successor)
    again.works(ROOT, LEAF)
    steps = [t for t in again.transitions if isinstance(t, IncidentChanged)]
    assert steps == []


def test_successor_does_not_page_again() -> None:
    world = healthy_world()
    world.fails(ROOT, Cause.AUTH)
    assert world.last(ROOT).action is Action.PAGE
    successor = start_successor(world)
    successor.fails(ROOT, Cause.AUTH)
    assert not [d for d in successor.decisions if d.action is Action.PAGE]


def test_failure_streak_survives_only_a_short_absence() -> None:
    for away_s, acts in ((5.0, True), (300.0, False)):
        world = healthy_world(targets=(WALLET,))
        world.fails(ROOT, Cause.REFUSED, 2)
        successor = start_successor(world, away_s)
        successor.fails(ROOT, Cause.REFUSED, 1)
        assert bool(successor.acts()) is acts


def test_operator_stop_survives_takeover() -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 1)
    successor = start_successor(world)
    successor.wait(60.0)
    assert successor.acts() == []
    assert successor.instance(ROOT).state is TargetState.STOPPED


def _change_nothing(world: RuleWorld) -> None:
    """Leave the container as it was when the decision was stored."""


def _stop_container(world: RuleWorld) -> None:
    instance_id = world.instance(ROOT).id
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )


def _restart_container(world: RuleWorld) -> None:
    instance_id = world.instance(ROOT).id
    world.containers[instance_id] = replace(
        world.containers[instance_id], started_at=world.now.wall + 1.0
    )


@pytest.mark.parametrize(
    ("change", "acts"),
    [
        (_change_nothing, []),
        (_stop_container, [(ROOT, Action.START)]),
        (_restart_container, []),
    ],
)
def test_restart_under_way_is_finished_and_not_repeated(
    change: Callable[[RuleWorld], None], acts: list[tuple[str, Action]]
) -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    assert world.is_acting(ROOT)
    change(world)
    successor = start_successor(world)
    successor.wait(20.0)
    assert successor.acts() == acts


def test_a_restart_that_happened_is_verified_by_the_successor() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _restart_container(world)
    successor = start_successor(world)
    successor.works(ROOT)
    assert successor.instance(ROOT).state is TargetState.HEALTHY
    assert successor.instance(ROOT).remedy is None
    assert successor.acts() == []


def test_restart_that_never_happened_is_decided_again() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    successor = start_successor(world)
    for _ in range(110):
        successor.fails(ROOT, Cause.HTTP_5XX, 1)
    assert successor.acts() == [(ROOT, Action.RESTART)]


def _limit_budget_to_one(world: RuleWorld) -> None:
    """Set the budget to one try."""
    world.targets = (replace(WALLET, restart=RestartSettings(budget=1)), SERVICE)
    world.relist()


def _pause(world: RuleWorld) -> None:
    world.send(PauseRequested(world.now, (ROOT, LEAF)))


def _set_no_objection(_: RuleWorld) -> None:
    """Leave the world without an objection."""


def _reach_restart_limit(world: RuleWorld) -> None:
    many = (world.now.mono,) * RESTART_LIMIT
    world.state = replace(world.state, restarts=many)


def _record_useless_starts(world: RuleWorld) -> None:
    efficacy_key = EfficacyKey(ROOT, Cause.HTTP_5XX, RemedyKind.START)
    stats = RemedyStats(tries=9, outages=9)
    world.state = replace(world.state, ledger=MappingProxyType({efficacy_key: stats}))


@pytest.mark.parametrize(
    "set_objection",
    [_limit_budget_to_one, _pause, _reach_restart_limit, _record_useless_starts],
)
def test_container_left_stopped_is_started_despite_objections(
    set_objection: Callable[[RuleWorld], None],
) -> None:
    world = healthy_world()
    if set_objection is _limit_budget_to_one:
        set_objection(world)
    world.fails(ROOT, Cause.HTTP_5XX)
    assert world.is_acting(ROOT)
    _stop_container(world)
    if set_objection is not _limit_budget_to_one:
        set_objection(world)
    tries = world.instance(ROOT).lane.tries
    successor = start_successor(world)
    assert successor.acts() == [(ROOT, Action.START)]
    successor.complete_remedy(ROOT)
    assert successor.instance(ROOT).restarts_total == 1
    successor.works(ROOT)
    ended = [t for t in successor.transitions if isinstance(t, RemedyEnded)]
    assert [(t.action, t.outcome) for t in ended] == [
        (Action.RESTART, RemedyOutcome.RECOVERED)
    ]
    assert tries == 1


def test_container_left_stopped_is_started_though_its_root_is_down() -> None:
    world = healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX)
    world.works(ROOT)
    assert world.is_acting(LEAF)
    world.exits(ROOT)
    instance_id = world.instance(LEAF).id
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    successor = start_successor(world)
    successor.wait(5.0)
    assert (LEAF, Action.START) in successor.acts()


def test_planned_restart_that_was_left_halfway_continues() -> None:
    world = healthy_world()
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.is_acting(ROOT)
    _stop_container(world)
    successor = start_successor(world)
    assert successor.acts() == [(ROOT, Action.START)]
    successor.complete_remedy(ROOT)
    successor.works(ROOT)
    assert successor.acts() == [(ROOT, Action.START), (LEAF, Action.RESTART)]


def test_start_of_an_already_running_container_is_no_second_try() -> None:
    """The engine completed the restart that the dead process had sent."""
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _stop_container(world)
    successor = start_successor(world)
    assert successor.acts() == [(ROOT, Action.START)]
    instance_id = successor.instance(ROOT).id
    fresh = replace(
        successor.containers[instance_id],
        status=Status.RUNNING,
        started_at=successor.now.wall,
    )
    successor.containers[instance_id] = fresh
    successor.send(
        RemedyExecuted(
            successor.now,
            instance_id,
            RemedyCallResult.NOT_SENT,
            text_reason("it runs by now"),
            fresh,
        )
    )
    assert successor.instance(ROOT).lane.tries == 1
    successor.works(ROOT)
    (ended,) = [t for t in successor.transitions if isinstance(t, RemedyEnded)]
    assert (ended.action, ended.outcome) == (Action.RESTART, RemedyOutcome.RECOVERED)


def test_start_that_could_not_be_sent_is_retried_with_backoff() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _stop_container(world)
    successor = start_successor(world)
    for _ in range(3):
        successor.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
        successor.wait(4.0)
    assert len(successor.acts()) == 1 + 2
    successor.wait(5.0)
    assert successor.instance(ROOT).lane.tries == 1


@pytest.mark.parametrize(
    "set_objection", [_set_no_objection, _limit_budget_to_one, _reach_restart_limit]
)
def test_restart_that_never_happened_is_made_and_counted_once(
    set_objection: Callable[[RuleWorld], None],
) -> None:
    """The daemon may have been told to stop already, so no objection counts now."""
    world = healthy_world()
    if set_objection is _limit_budget_to_one:
        set_objection(world)
    world.fails(ROOT, Cause.HTTP_5XX)
    assert world.is_acting(ROOT)
    if set_objection is not _limit_budget_to_one:
        set_objection(world)
    restarts = len(world.state.restarts)
    successor = start_successor(world)
    for _ in range(29):
        successor.fails(ROOT, Cause.REFUSED, 1)
    assert successor.acts() == []
    for _ in range(11):
        successor.fails(ROOT, Cause.REFUSED, 1)
    assert successor.acts() == [(ROOT, Action.RESTART)]
    assert successor.last(ROOT).polite_stop_s == 0.0
    assert len(successor.state.restarts) == restarts
    assert successor.instance(ROOT).lane.tries == 1


def test_unsent_restart_of_recovered_target_is_not_made() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    successor = start_successor(world)
    successor.works(ROOT, times=10)
    assert successor.instance(ROOT).state is TargetState.RECOVERING
    successor.works(ROOT, times=60)
    assert successor.acts() == []
    assert successor.instance(ROOT).state is TargetState.HEALTHY
    assert successor.state.restarts == ()
    assert [t for t in successor.transitions if isinstance(t, RemedyEnded)] == []


def test_unsent_restart_of_an_operator_is_made() -> None:
    world = healthy_world(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    assert world.is_acting(ROOT)
    successor = start_successor(world)
    successor.works(ROOT, times=70)
    assert successor.acts() == [(ROOT, Action.RESTART)]
    assert successor.last(ROOT).polite_stop_s > 0.0


def test_unsent_restart_of_paused_target_is_not_made() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _pause(world)
    successor = start_successor(world)
    for _ in range(120):
        successor.fails(ROOT, Cause.REFUSED, 1)
    assert successor.acts() == []
    assert successor.instance(ROOT).remedy is None


@pytest.mark.parametrize("verified", [False, True])
def test_successor_after_an_hour_waits_for_probes(*, verified: bool) -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    if verified:
        world.complete_remedy(ROOT)
    else:
        _restart_container(world)
    successor = start_successor(world, away_s=3600.0)
    successor.wait(5.0)
    successor.works(ROOT)
    (ended,) = [t for t in successor.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.RECOVERED
    assert successor.instance(ROOT).restarts_total == 1


@pytest.mark.parametrize("unreadable_names", [(ROOT,), (LEAF,), (ROOT, LEAF)])
def test_incident_with_unreadable_instances_continues_and_is_resolved(
    unreadable_names: tuple[str, ...],
) -> None:
    world = healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    (incident,) = world.state.incidents.values()
    assert incident.affected == (LEAF,)
    readable = {
        instance_id: i
        for instance_id, i in world.state.instances.items()
        if i.name not in unreadable_names
    }
    world.state = replace(world.state, instances=build_table(readable))
    successor = start_successor(world)
    successor.fails(ROOT, Cause.AUTH, 40)
    assert list(successor.state.incidents) == [incident.id]
    successor.works(ROOT)
    assert successor.state.incidents[incident.id].open
    successor.works(LEAF)
    assert not successor.state.incidents[incident.id].open
    assert (
        successor.instance(ROOT).incident is successor.instance(LEAF).incident is None
    )


def test_missing_replica_keeps_its_number_and_incident() -> None:
    world = RuleWorld((WALLET,))
    world.containers = {InstanceId(ROOT, 2): container(ROOT, 2)}
    world.relist()
    world.works(ROOT)
    world.fails(ROOT, Cause.AUTH)
    (incident,) = world.state.incidents.values()
    world.containers = {}
    world.relist()
    successor = start_successor(world)
    assert successor.instance(ROOT).id == InstanceId(ROOT, 2)
    assert successor.instance(ROOT).incident == incident.id
    assert [i.id for i in successor.state.incidents.values() if i.open] == [incident.id]


def test_rest_of_a_planned_restart_keeps_its_deadline() -> None:
    nightly = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))
    world = healthy_world(targets=(nightly, SERVICE))
    world.send(PlannedRestartDue(world.now, ROOT))
    plan_before = world.state.plan
    assert plan_before is not None
    plan_after = start_successor(world).state.plan
    assert plan_after is not None
    assert plan_after.remaining_ids == (InstanceId(LEAF, 1),)
    assert plan_after.deadline_mono == pytest.approx(
        plan_before.deadline_mono - REBOOT_S
    )


def test_removed_target_closes_its_incident() -> None:
    world = healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.AUTH)
    world.targets = (SERVICE,)
    successor = start_successor(world)
    assert not [i for i in successor.state.incidents.values() if i.open]


def test_replayed_stop_event_of_our_restart_is_no_operator_stop() -> None:
    world = healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.notice(ROOT, EngineEventKind.STOP)
    world.complete_remedy(ROOT, engine_stops=1)
    world.notice(ROOT, EngineEventKind.RESTART)
    successor = start_successor(world)
    successor.notice(ROOT, EngineEventKind.STOP, ago_s=6.0)
    successor.notice(ROOT, EngineEventKind.RESTART, ago_s=6.0)
    successor.works(ROOT, times=3)
    successor.wait(60.0)
    assert Action.STOP not in [action for _, action in successor.acts()]
    assert successor.instance(ROOT).state is TargetState.HEALTHY


def start_successor_with_clock_set_back(world: RuleWorld, back_s: float) -> RuleWorld:
    """Start another process on the same host, whose wall clock was set back."""
    saved_at = world.now
    successor = RuleWorld(world.targets, lists=False, now_s=world.now_s)
    successor.containers = dict(world.containers)
    now = Moment(saved_at.mono + 5.0, saved_at.wall - back_s)
    successor.state = restore_state(store_and_load(world.state), saved_at, now)
    successor.now_s = now.mono
    successor.wall_ahead_s = -back_s - 5.0
    successor.decisions.clear()
    successor.send(EngineReachabilityChanged(successor.now, reachable=True))
    successor.relist()
    successor.lists = True
    return successor


def test_wall_clock_that_was_set_back_makes_no_backoff_longer() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    left_s = world.instance(ROOT).lane.not_before - world.now_s
    successor = start_successor_with_clock_set_back(world, 7200.0)
    assert successor.instance(ROOT).lane.not_before - successor.now_s <= left_s


def test_a_wallet_is_loaded_though_the_wall_clock_was_set_back() -> None:
    world = healthy_world(targets=(WALLET,))
    missing = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
    )
    world.probe(ROOT, missing)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    world.complete_remedy(ROOT, restart=False)
    world.works(ROOT)
    successor = start_successor_with_clock_set_back(world, 7200.0)
    instance_id = successor.instance(ROOT).id
    successor.containers[instance_id] = replace(
        successor.containers[instance_id], started_at=successor.now.wall
    )
    successor.relist()
    for _ in range(5):
        successor.now_s += 20.0
        successor.probe(ROOT, missing)
    assert (ROOT, Action.LOAD_WALLET) in successor.acts()


def test_a_daemon_that_a_predecessor_asked_to_stop_is_started_at_once() -> None:
    world = healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.BAD_BODY)
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    successor = start_successor(world)
    successor.now_s += 10.0
    successor.exits(ROOT, exit_code=0)
    successor.wait(15.0)
    assert (ROOT, Action.START) in successor.acts()


@pytest.mark.parametrize(
    "result", [RemedyCallResult.REFUSED, RemedyCallResult.NOT_SENT]
)
def test_start_that_is_never_sent_does_not_block_other_targets(
    result: RemedyCallResult,
) -> None:
    other = Target("other", probes=(HttpProbe("http://other/"),))
    world = healthy_world(targets=(WALLET, other))
    world.fails(ROOT, Cause.BAD_BODY)
    instance_id = world.instance(ROOT).id
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    successor = start_successor(world)
    successor.works("other")
    began_s = successor.now_s
    while successor.now_s - began_s < 3600.0 and successor.acts()[-1][0] == ROOT:
        successor.wait(5.0, step=5.0)
        successor.fails("other", Cause.BAD_BODY, times=1)
        if successor.is_acting(ROOT):
            successor.complete_remedy(ROOT, result, restart=False)
    assert ("other", Action.RESTART) in successor.acts()
    ends = [t for t in successor.transitions if isinstance(t, RemedyEnded)]
    was_tried_often = "again and again" in str(ends[0].reason)
    assert was_tried_often is (result is RemedyCallResult.NOT_SENT)
