"""A successor takes over: nothing forgotten, nothing done twice."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    EngineEventKind,
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartDue,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import EfficacyKey, State
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
from sidecar.storage.codec import decode, encode
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
REBOOT_S = 5000.0


def calm(**settings: object) -> RuleWorld:
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def killed_and_succeeded(world: RuleWorld, away_s: float = 5.0) -> RuleWorld:
    """Another process, on a host that was booted anew: its clock means nothing."""
    saved_at = world.now
    successor = RuleWorld(world.targets, lists=False, now_s=world.now_s)
    successor.containers = dict(world.containers)
    now = Moment(saved_at.mono + away_s - REBOOT_S, saved_at.wall + away_s)
    successor.state = replace(restore_state(stored(world.state), saved_at, now))
    successor.now_s = now.mono
    successor.wall_ahead_s = REBOOT_S
    successor.decisions.clear()
    successor.transitions.clear()
    successor.send(EngineReachabilityChanged(successor.now, reachable=True))
    successor.relist()
    successor.lists = True
    return successor


def stored(state: State) -> State:
    """Through the same texts as the store writes."""
    instances = {
        who: decode(encode(instance), type(instance))
        for who, instance in state.instances.items()
    }
    return replace(state, instances=instances)


def test_a_lane_and_its_wait_survive_to_the_second() -> None:
    quick = RestartSettings(recovery_timeout_s=60.0)
    world = calm(targets=(replace(WALLET, restart=quick),))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    left_s = world.instance(ROOT).lane.not_before - world.now_s
    after = killed_and_succeeded(world)
    lane = after.instance(ROOT).lane
    assert lane.tries == 1
    assert lane.not_before - after.now_s == pytest.approx(left_s - 5.0)


def test_the_storm_brake_survives() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(12):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.acted(ROOT)
            world.works(ROOT)
    after = killed_and_succeeded(world)
    after.fails(ROOT, Cause.REFUSED, 5)
    assert after.acts() == []


def test_an_open_incident_stays_the_same_one_and_is_resolved_once() -> None:
    world = calm()
    world.fails(ROOT, Cause.AUTH)
    (incident,) = world.state.incidents.values()
    after = killed_and_succeeded(world)
    after.fails(ROOT, Cause.AUTH)
    assert list(after.state.incidents) == [incident.id]
    after.works(ROOT)
    again = killed_and_succeeded(after)
    again.works(ROOT, LEAF)
    steps = [t for t in again.transitions if isinstance(t, IncidentChanged)]
    assert steps == []


def test_what_was_told_is_not_told_again() -> None:
    world = calm()
    world.fails(ROOT, Cause.AUTH)
    assert world.last(ROOT).action is Action.PAGE
    after = killed_and_succeeded(world)
    after.fails(ROOT, Cause.AUTH)
    assert not [d for d in after.decisions if d.action is Action.PAGE]


def test_a_streak_holds_over_a_short_gap_and_not_over_a_long_one() -> None:
    for away_s, acts in ((5.0, True), (300.0, False)):
        world = calm(targets=(WALLET,))
        world.fails(ROOT, Cause.REFUSED, 2)
        after = killed_and_succeeded(world, away_s)
        after.fails(ROOT, Cause.REFUSED, 1)
        assert bool(after.acts()) is acts


def test_an_operators_stop_is_remembered() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 1)
    after = killed_and_succeeded(world)
    after.wait(60.0)
    assert after.acts() == []
    assert after.instance(ROOT).state is TargetState.STOPPED


def _nothing(world: RuleWorld) -> None:
    """Killed right after the decision was stored."""


def _stopped_by_us(world: RuleWorld) -> None:
    who = world.instance(ROOT).id
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )


def _restarted(world: RuleWorld) -> None:
    who = world.instance(ROOT).id
    world.containers[who] = replace(
        world.containers[who], started_at=world.now.wall + 1.0
    )


@pytest.mark.parametrize(
    ("came_to", "acts"),
    [
        (_nothing, []),
        (_stopped_by_us, [(ROOT, Action.START)]),
        (_restarted, []),
    ],
)
def test_a_restart_under_way_is_finished_and_not_doubled(
    came_to: Callable[[RuleWorld], None], acts: list[tuple[str, Action]]
) -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    assert world.is_acting(ROOT)
    came_to(world)
    after = killed_and_succeeded(world)
    after.wait(20.0)
    assert after.acts() == acts


def test_a_restart_that_happened_is_verified_by_the_successor() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _restarted(world)
    after = killed_and_succeeded(world)
    after.works(ROOT)
    assert after.instance(ROOT).state is TargetState.HEALTHY
    assert after.instance(ROOT).remedy is None
    assert after.acts() == []


def test_a_restart_that_never_happened_is_decided_on_anew() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    after = killed_and_succeeded(world)
    for _ in range(110):
        after.fails(ROOT, Cause.HTTP_5XX, 1)
    assert after.acts() == [(ROOT, Action.RESTART)]


def _budget(world: RuleWorld) -> None:
    """One try is all there is."""
    world.targets = (replace(WALLET, restart=RestartSettings(budget=1)), SERVICE)
    world.relist()


def _pause(world: RuleWorld) -> None:
    world.send(PauseRequested(world.now, (ROOT, LEAF)))


def _no_pause(_: RuleWorld) -> None:
    """Nobody objects."""


def _storm(world: RuleWorld) -> None:
    many = (world.now.mono,) * RESTART_LIMIT
    world.state = replace(world.state, restarts=many)


def _no_hope(world: RuleWorld) -> None:
    line = EfficacyKey(ROOT, Cause.HTTP_5XX, RemedyKind.START)
    known = RemedyStats(tries=9, outages=9)
    world.state = replace(world.state, ledger=MappingProxyType({line: known}))


@pytest.mark.parametrize("objecting", [_budget, _pause, _storm, _no_hope])
def test_what_we_left_stopped_is_started_whoever_would_object_to_a_new_try(
    objecting: Callable[[RuleWorld], None],
) -> None:
    world = calm()
    if objecting is _budget:
        objecting(world)
    world.fails(ROOT, Cause.HTTP_5XX)
    assert world.is_acting(ROOT)
    _stopped_by_us(world)
    if objecting is not _budget:
        objecting(world)
    spent = world.instance(ROOT).lane.tries
    after = killed_and_succeeded(world)
    assert after.acts() == [(ROOT, Action.START)]
    after.acted(ROOT)
    assert after.instance(ROOT).restarts_total == 1
    after.works(ROOT)
    ended = [t for t in after.transitions if isinstance(t, RemedyEnded)]
    assert [(t.action, t.outcome) for t in ended] == [
        (Action.RESTART, RemedyOutcome.RECOVERED)
    ]
    assert spent == 1


def test_what_we_left_stopped_is_started_though_its_root_is_down() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.is_acting(LEAF)
    world.exits(ROOT)
    who = world.instance(LEAF).id
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )
    after = killed_and_succeeded(world)
    after.wait(5.0)
    assert (LEAF, Action.START) in after.acts()


def test_a_planned_restart_that_was_left_halfway_goes_on() -> None:
    world = calm()
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.is_acting(ROOT)
    _stopped_by_us(world)
    after = killed_and_succeeded(world)
    assert after.acts() == [(ROOT, Action.START)]
    after.acted(ROOT)
    after.works(ROOT)
    assert after.acts() == [(ROOT, Action.START), (LEAF, Action.RESTART)]


def test_a_start_that_came_too_late_is_no_other_try() -> None:
    """The engine was still at it: what the dead one had sent came to its end."""
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _stopped_by_us(world)
    after = killed_and_succeeded(world)
    assert after.acts() == [(ROOT, Action.START)]
    who = after.instance(ROOT).id
    fresh = replace(
        after.containers[who], status=Status.RUNNING, started_at=after.now.wall
    )
    after.containers[who] = fresh
    after.send(
        RemedyExecuted(
            after.now,
            who,
            RemedyCallResult.NOT_SENT,
            text_reason("it runs by now"),
            fresh,
        )
    )
    assert after.instance(ROOT).lane.tries == 1
    after.works(ROOT)
    (ended,) = [t for t in after.transitions if isinstance(t, RemedyEnded)]
    assert (ended.action, ended.outcome) == (Action.RESTART, RemedyOutcome.RECOVERED)


def test_a_start_that_could_not_be_sent_is_tried_again_without_haste() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _stopped_by_us(world)
    after = killed_and_succeeded(world)
    for _ in range(3):
        after.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
        after.wait(4.0)
    assert len(after.acts()) == 1 + 2
    after.wait(5.0)
    assert after.instance(ROOT).lane.tries == 1


@pytest.mark.parametrize("objecting", [_no_pause, _budget, _storm])
def test_a_restart_that_never_happened_is_made_once_and_counted_once(
    objecting: Callable[[RuleWorld], None],
) -> None:
    """The daemon may have been told to stop already: nobody objects now."""
    world = calm()
    if objecting is _budget:
        objecting(world)
    world.fails(ROOT, Cause.HTTP_5XX)
    assert world.is_acting(ROOT)
    if objecting is not _budget:
        objecting(world)
    restarts = len(world.state.restarts)
    after = killed_and_succeeded(world)
    for _ in range(29):
        after.fails(ROOT, Cause.REFUSED, 1)
    assert after.acts() == []
    for _ in range(11):
        after.fails(ROOT, Cause.REFUSED, 1)
    assert after.acts() == [(ROOT, Action.RESTART)]
    assert after.last(ROOT).polite_stop_s == 0.0
    assert len(after.state.restarts) == restarts
    assert after.instance(ROOT).lane.tries == 1


def test_what_was_never_sent_and_became_needless_is_not_made() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    after = killed_and_succeeded(world)
    after.works(ROOT, times=10)
    assert after.instance(ROOT).state is TargetState.RECOVERING
    after.works(ROOT, times=60)
    assert after.acts() == []
    assert after.instance(ROOT).state is TargetState.HEALTHY
    assert after.state.restarts == ()
    assert [t for t in after.transitions if isinstance(t, RemedyEnded)] == []


def test_what_a_person_asked_for_and_was_never_sent_is_made() -> None:
    world = calm(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    assert world.is_acting(ROOT)
    after = killed_and_succeeded(world)
    after.works(ROOT, times=70)
    assert after.acts() == [(ROOT, Action.RESTART)]
    assert after.last(ROOT).polite_stop_s > 0.0


def test_what_a_person_has_paused_since_is_not_restarted() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    _pause(world)
    after = killed_and_succeeded(world)
    for _ in range(120):
        after.fails(ROOT, Cause.REFUSED, 1)
    assert after.acts() == []
    assert after.instance(ROOT).remedy is None


@pytest.mark.parametrize("verified", [False, True])
def test_after_an_hour_away_the_probes_are_heard_first(*, verified: bool) -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    if verified:
        world.acted(ROOT)
    else:
        _restarted(world)
    after = killed_and_succeeded(world, away_s=3600.0)
    after.wait(5.0)
    after.works(ROOT)
    (ended,) = [t for t in after.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.RECOVERED
    assert after.instance(ROOT).restarts_total == 1


@pytest.mark.parametrize("lost", [(ROOT,), (LEAF,), (ROOT, LEAF)])
def test_an_incident_whose_instances_are_unreadable_goes_on_and_is_resolved(
    lost: tuple[str, ...],
) -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    (incident,) = world.state.incidents.values()
    assert incident.affected == (LEAF,)
    readable = {
        who: i for who, i in world.state.instances.items() if i.name not in lost
    }
    world.state = replace(world.state, instances=MappingProxyType(readable))
    after = killed_and_succeeded(world)
    after.fails(ROOT, Cause.AUTH, 40)
    assert list(after.state.incidents) == [incident.id]
    after.works(ROOT)
    assert after.state.incidents[incident.id].open
    after.works(LEAF)
    assert not after.state.incidents[incident.id].open
    assert after.instance(ROOT).incident is after.instance(LEAF).incident is None


def test_a_replica_of_another_number_that_is_missing_is_still_the_same_one() -> None:
    world = RuleWorld((WALLET,))
    world.containers = {InstanceId(ROOT, 2): container(ROOT, 2)}
    world.relist()
    world.works(ROOT)
    world.fails(ROOT, Cause.AUTH)
    (incident,) = world.state.incidents.values()
    world.containers = {}
    world.relist()
    after = killed_and_succeeded(world)
    assert after.instance(ROOT).id == InstanceId(ROOT, 2)
    assert after.instance(ROOT).incident == incident.id
    assert [i.id for i in after.state.incidents.values() if i.open] == [incident.id]


def test_what_is_left_of_a_planned_restart_keeps_its_deadline() -> None:
    nightly = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))
    world = calm(targets=(nightly, SERVICE))
    world.send(PlannedRestartDue(world.now, ROOT))
    before = world.state.plan
    assert before is not None
    after = killed_and_succeeded(world).state.plan
    assert after is not None
    assert after.left == (InstanceId(LEAF, 1),)
    assert after.deadline_mono == pytest.approx(before.deadline_mono - REBOOT_S)


def test_a_target_that_left_meanwhile_closes_its_incident() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.AUTH)
    world.targets = (SERVICE,)
    after = killed_and_succeeded(world)
    assert not [i for i in after.state.incidents.values() if i.open]


def test_a_replayed_stop_of_our_own_restart_is_no_operators_stop() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.notice(ROOT, EngineEventKind.STOP)
    world.acted(ROOT, engine_stops=1)
    world.notice(ROOT, EngineEventKind.RESTART)
    after = killed_and_succeeded(world)
    after.notice(ROOT, EngineEventKind.STOP, ago_s=6.0)
    after.notice(ROOT, EngineEventKind.RESTART, ago_s=6.0)
    after.works(ROOT, times=3)
    after.wait(60.0)
    assert Action.STOP not in [action for _, action in after.acts()]
    assert after.instance(ROOT).state is TargetState.HEALTHY


def back_in_time(world: RuleWorld, back_s: float) -> RuleWorld:
    """Another process on the same host, whose wall clock was set back meanwhile."""
    saved_at = world.now
    successor = RuleWorld(world.targets, lists=False, now_s=world.now_s)
    successor.containers = dict(world.containers)
    now = Moment(saved_at.mono + 5.0, saved_at.wall - back_s)
    successor.state = restore_state(stored(world.state), saved_at, now)
    successor.now_s = now.mono
    successor.wall_ahead_s = -back_s - 5.0
    successor.decisions.clear()
    successor.send(EngineReachabilityChanged(successor.now, reachable=True))
    successor.relist()
    successor.lists = True
    return successor


def test_a_wall_clock_that_was_set_back_makes_no_wait_longer() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    left_s = world.instance(ROOT).lane.not_before - world.now_s
    after = back_in_time(world, 7200.0)
    assert after.instance(ROOT).lane.not_before - after.now_s <= left_s


def test_a_wallet_is_loaded_though_the_wall_clock_was_set_back() -> None:
    world = calm(targets=(WALLET,))
    missing = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
    )
    world.probe(ROOT, missing)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    world.acted(ROOT, restart=False)
    world.works(ROOT)
    after = back_in_time(world, 7200.0)
    who = after.instance(ROOT).id
    after.containers[who] = replace(after.containers[who], started_at=after.now.wall)
    after.relist()
    for _ in range(5):
        after.now_s += 20.0
        after.probe(ROOT, missing)
    assert (ROOT, Action.LOAD_WALLET) in after.acts()


def test_a_daemon_that_a_predecessor_asked_to_stop_is_started_at_once() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.BAD_BODY)
    world.acted(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    after = killed_and_succeeded(world)
    after.now_s += 10.0
    after.exits(ROOT, exit_code=0)
    after.wait(15.0)
    assert (ROOT, Action.START) in after.acts()


@pytest.mark.parametrize(
    "result", [RemedyCallResult.REFUSED, RemedyCallResult.NOT_SENT]
)
def test_a_start_that_is_never_sent_does_not_hold_the_others(
    result: RemedyCallResult,
) -> None:
    other = Target("other", probes=(HttpProbe("http://other/"),))
    world = calm(targets=(WALLET, other))
    world.fails(ROOT, Cause.BAD_BODY)
    who = world.instance(ROOT).id
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )
    after = killed_and_succeeded(world)
    after.works("other")
    began_s = after.now_s
    while after.now_s - began_s < 3600.0 and after.acts()[-1][0] == ROOT:
        after.wait(5.0, step=5.0)
        after.fails("other", Cause.BAD_BODY, times=1)
        if after.is_acting(ROOT):
            after.acted(ROOT, result, restart=False)
    assert ("other", Action.RESTART) in after.acts()
    ends = [t for t in after.transitions if isinstance(t, RemedyEnded)]
    was_tried_often = "again and again" in str(ends[0].reason)
    assert was_tried_often is (result is RemedyCallResult.NOT_SENT)
