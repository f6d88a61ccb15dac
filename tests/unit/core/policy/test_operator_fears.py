"""What an operator fears at three in the morning, told as short stories."""

import itertools
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    EngineEventKind,
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
    RecoverRequested,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure, probe_success, probe_unknown
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe
from sidecar.core.model.target import (
    AfterDependency,
    InstanceId,
    PlannedRestartSettings,
    RestartSettings,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
)
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.polite_stop import LOADING_S
from sidecar.core.recovery.remedy_begin import ACT_MARGIN_S
from sidecar.core.step.probe_interval import UNHURRIED, probe_interval_s
from sidecar.core.text import formatting
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
OTHER = "rates"
RESTART = Action.RESTART
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)
UNASKABLE = probe_unknown(Cause.PROBER_FAILED, text_reason("no file descriptors left"))
LONE = replace(SERVICE, name=OTHER, depends_on=(), probes=(HttpProbe("http://r/"),))
NIGHTLY = PlannedRestartSettings("0 3 * * *")


def calm(**settings: object) -> RuleWorld:
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def ends(world: RuleWorld) -> list[tuple[str, RemedyOutcome]]:
    found = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    return [(e.name, e.outcome) for e in found]


def steps(world: RuleWorld) -> list[tuple[str, IncidentStep]]:
    found = [t for t in world.transitions if isinstance(t, IncidentChanged)]
    return [(t.target, t.step) for t in found]


def tries(world: RuleWorld, name: str, action: Action = RESTART) -> list[float]:
    found = [d for d in world.decisions if d.name == name and d.action is action]
    return [d.at.mono for d in found]


def pages(world: RuleWorld, name: str) -> list[Decision]:
    return [d for d in world.decisions if d.name == name and d.action is Action.PAGE]


def starts(world: RuleWorld, name: str) -> None:
    """Somebody else starts its container."""
    now = world.now.wall
    world.notice(name, EngineEventKind.START, status=Status.RUNNING, started_at=now)


# --- busy is not dead, whatever came before ----------------------------------


def test_one_silence_after_a_long_trouble_upstream_is_no_hang() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(60):
        world.fails(ROOT, Cause.UPSTREAM_LOST, 1)
    world.fails(ROOT, Cause.HUNG, 3, took_s=10.0)
    assert world.acts() == []
    world.fails(ROOT, Cause.HUNG, 2, took_s=10.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_curable_cause_after_an_incurable_one_is_counted_from_one() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.WALLET_SYNCING, 30)
    world.fails(ROOT, Cause.REFUSED, 2)
    assert world.acts() == []
    assert "failure 2 of 3" in str(world.last(ROOT).reason)
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_causes_that_one_restart_is_for_are_counted_together() -> None:
    world = calm(targets=(WALLET,))
    for cause in (Cause.RESET, Cause.HTTP_5XX, Cause.REFUSED):
        world.fails(ROOT, cause, 1)
    assert world.acts() == [(ROOT, RESTART)]


# --- loops and limits --------------------------------------------------------


def test_a_loop_that_answers_before_it_dies_is_not_fed_either() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(900):
        if world.is_acting(ROOT):
            world.acted(ROOT)
            world.works(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.wait(20.0, 2.0)
            world.exits(ROOT, 1)
        else:
            world.wait(30.0, 15.0)
    begun = tries(world, ROOT, Action.START)
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    assert len(begun) == 2 + 5
    gaps = [b - a for a, b in itertools.pairwise(begun[2:])]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 1200.0


def test_tries_as_rare_as_the_window_allows_end_in_the_slow_lane_too() -> None:
    rare = RestartSettings(window_s=300.0, recovery_timeout_s=200.0)
    world = calm(targets=(replace(WALLET, restart=rare),))
    for _ in range(1500):
        if world.is_acting(ROOT):
            world.acted(ROOT)
        world.fails(ROOT, Cause.RESET, 1)
    begun = tries(world, ROOT)
    assert begun[4] - begun[3] >= 600.0


def test_one_bad_night_does_not_forbid_the_cure_for_ever() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(700):
        if world.is_acting(ROOT):
            world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
        world.fails(ROOT, Cause.REFUSED, 1)
    before = len(tries(world, ROOT))
    assert before >= 4
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert len(tries(world, ROOT)) == before + 1


def test_the_slow_lane_the_brake_and_a_useless_cure_are_told_to_a_person() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(200):
        if world.is_acting(ROOT):
            world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
        world.fails(ROOT, Cause.REFUSED, 1)
    told = pages(world, ROOT)
    assert [p.guard for p in told] == [Guard.BUDGET]
    assert "further apart: the next is in 10 min" in str(told[0].reason)
    pace = probe_interval_s(world.state, world.instance(ROOT))
    assert pace == WALLET.cadence.interval_s * UNHURRIED


def test_restarts_that_people_want_are_no_storm() -> None:
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), LONE))
    for _ in range(12):
        world.send(RestartRequested(world.now, OTHER, now=True))
        world.acted(OTHER)
        world.works(ROOT, OTHER)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts()[-1] == (ROOT, RESTART)


def test_trouble_that_changes_its_face_is_not_told_each_time() -> None:
    world = calm(targets=(replace(WALLET, restart=RestartSettings(enabled=False)),))
    for n in range(60):
        world.fails(ROOT, (Cause.REFUSED, Cause.RESET)[n % 2], 1)
    assert world.said(ROOT).count((Action.HOLD, Guard.OPTED_OUT)) == 1


def test_the_upstreams_height_that_stands_still_may_be_restarted_where_asked() -> None:
    probe = ElectronCashProbe(
        "http://e:7777/", restart_on_upstream_loss=True, upstream_grace_s=60.0
    )
    world = calm(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.UPSTREAM_STALE, 20)
    assert world.acts() == []
    world.fails(ROOT, Cause.UPSTREAM_STALE, 20)
    assert world.acts() == [(ROOT, RESTART)]


def test_the_grace_of_a_lost_upstream_begins_with_it() -> None:
    probe = ElectronCashProbe(
        "http://e:7777/", restart_on_upstream_loss=True, upstream_grace_s=60.0
    )
    world = calm(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.WALLET_SYNCING, 60)
    world.fails(ROOT, Cause.UPSTREAM_LOST, 5)
    assert world.acts() == []


# --- the engine, and what we asked of it -------------------------------------


def test_nothing_is_sent_while_the_engine_is_away_not_even_to_a_wallet() -> None:
    world = calm(targets=(WALLET,))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.ENGINE


def test_what_cannot_be_sent_is_tried_less_and_less_often() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(120):
        world.fails(ROOT, Cause.REFUSED, 1)
        if world.is_acting(ROOT):
            world.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    assert len(tries(world, ROOT)) <= 10
    assert world.instance(ROOT).lane.tries <= 3
    said = [str(d.reason) for d in world.decisions if d.guard is Guard.BACKOFF]
    assert "the last try could not be sent" in said[0]


def test_a_wallet_call_whose_end_is_lost_does_not_hold_the_stack_for_ever() -> None:
    world = calm(targets=(WALLET, LONE))
    world.probe(ROOT, NO_WALLET)
    world.fails(OTHER, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    world.wait(ACT_MARGIN_S + LOADING_S + 1.0)
    assert (OTHER, RESTART) in world.acts()


def test_a_load_that_does_not_help_costs_no_restart() -> None:
    world = calm(targets=(WALLET,))
    world.probe(ROOT, NO_WALLET)
    world.acted(ROOT, restart=False)
    for _ in range(70):
        world.probe(ROOT, NO_WALLET)
        world.now_s += 2.0
    assert (ROOT, RemedyOutcome.NOT_RECOVERED) in ends(world)
    assert world.instance(ROOT).lane.not_before == 0.0


def test_our_own_late_kill_is_not_taken_for_an_operators() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.wait(5.0)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 137)
    world.wait(200.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]


def test_a_remedy_that_was_not_sent_does_not_excuse_a_later_stop() -> None:
    world = calm(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    world.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    who = InstanceId(ROOT, 1)
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )
    world.relist()
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert (
        str(world.instance(ROOT).reason) == "found stopped (exit 0), as by an operator"
    )


def test_the_end_of_a_remedy_does_not_bring_back_a_container_that_was_replaced() -> (
    None
):
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    old = world.containers[InstanceId(ROOT, 1)]
    fresh = container(ROOT, id="fresh", started_at=world.now.wall)
    world.containers[InstanceId(ROOT, 1)] = fresh
    world.relist()
    world.send(
        RemedyExecuted(
            world.now,
            InstanceId(ROOT, 1),
            RemedyCallResult.NOT_SENT,
            text_reason("replaced"),
            old,
        )
    )
    assert world.instance(ROOT).container == fresh


# --- clocks ------------------------------------------------------------------


def test_an_engine_whose_clock_is_behind_does_not_end_the_start_period() -> None:
    world = calm(targets=(WALLET,))
    late = world.now.wall - 3600.0
    world.wait(10.0)
    world.notice(ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=late)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STARTING


# --- verification ------------------------------------------------------------


def test_a_container_that_dies_while_it_is_verified_is_not_waited_for() -> None:
    world = calm(targets=(WALLET,))
    world.exits(ROOT, 1)
    world.acted(ROOT)
    world.wait(5.0)
    world.exits(ROOT, 1)
    assert ends(world) == [(ROOT, RemedyOutcome.NOT_RECOVERED)]
    world.wait(13.0)
    assert world.acts() == [(ROOT, Action.START)] * 2


def test_the_run_that_was_treated_seen_once_more_does_not_end_the_remedy() -> None:
    world = calm(targets=(WALLET,))
    who = InstanceId(ROOT, 1)
    old = world.containers[who]
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    new = world.containers[who]
    world.containers[who] = replace(old, status=Status.EXITED, exit_code=137, pid=0)
    world.relist()
    world.containers[who] = new
    world.relist()
    world.works(ROOT)
    assert ends(world) == [(ROOT, RemedyOutcome.RECOVERED)]


def test_the_engines_own_restart_within_a_verification_is_waited_for() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.wait(5.0)
    world.exits(ROOT, 1, restart_policy="always")
    starts(world, ROOT)
    world.works(ROOT)
    assert ends(world) == [(ROOT, RemedyOutcome.RECOVERED)]


def test_a_root_that_dies_is_not_kept_waiting_for_its_dependents_recovery() -> None:
    world = calm()
    world.exits(LEAF, 137, oom_killed=True)
    world.exits(ROOT, 137, oom_killed=True)
    assert world.acts() == [(LEAF, Action.START)]
    world.acted(LEAF)
    world.wait(1.0)
    assert world.acts() == [(LEAF, Action.START), (ROOT, Action.START)]
    assert ends(world) == [(LEAF, RemedyOutcome.UNKNOWN)]


def test_an_operators_stop_ends_a_verification_and_is_held_against_no_cure() -> None:
    world = calm(targets=(WALLET, LONE))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.wait(1.0)
    assert ends(world) == [(ROOT, RemedyOutcome.UNKNOWN)]
    assert world.state.ledger == {}
    world.fails(OTHER, Cause.REFUSED)
    assert world.acts()[-1] == (OTHER, RESTART)


# --- roots and dependents ----------------------------------------------------


def test_a_dependent_that_stays_down_after_its_root_blinked_has_an_incident() -> None:
    world = calm()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    world.works(ROOT)
    for _ in range(20):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert steps(world) == [(LEAF, IncidentStep.OPENED)]
    assert (LEAF, RESTART) in world.acts()


def test_a_root_that_blinks_does_not_hold_its_dependents_for_ever() -> None:
    world = calm()
    for _ in range(30):
        world.fails(ROOT, Cause.REFUSED, 1)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=2)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert (LEAF, RESTART) in world.acts()


def test_a_dependent_gets_its_time_to_follow_a_root_that_was_only_busy() -> None:
    world = calm()
    world.fails(ROOT, Cause.HUNG, 2, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert world.acts() == []
    world.works(LEAF)
    world.wait(60.0)
    assert world.acts() == []


def test_a_root_that_cannot_be_asked_is_not_waited_for_for_ever() -> None:
    world = calm()
    for _ in range(40):
        world.probe(ROOT, UNASKABLE)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    held = [d for d in world.decisions if d.guard is Guard.DEPENDENCY]
    assert "has not yet answered" in str(held[0].reason)
    assert world.acts() == [(LEAF, RESTART)]
    assert tries(world, LEAF)[0] - held[0].at.mono >= 45.0
    assert steps(world) == [(LEAF, IncidentStep.OPENED)]


def test_a_root_that_is_starting_is_waited_for() -> None:
    slow = replace(WALLET, cadence=replace(WALLET.cadence, start_period_s=600.0))
    world = calm(targets=(slow, SERVICE))
    world.wait(1.0)
    starts(world, ROOT)
    for _ in range(100):
        world.fails(ROOT, Cause.REFUSED, 1)
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == []
    assert world.state.incidents == {}


def two_wallets() -> RuleWorld:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2)}
    world = RuleWorld(containers=pair)
    world.works(f"{ROOT}-1", f"{ROOT}-2", LEAF)
    return world


def test_a_replica_put_away_does_not_hold_the_dependents_of_its_sister() -> None:
    world = two_wallets()
    world.notice(f"{ROOT}-2", EngineEventKind.KILL)
    world.exits(f"{ROOT}-2", 143)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.works(f"{ROOT}-1", times=1)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_replica_that_is_down_comes_before_the_dependents() -> None:
    world = two_wallets()
    world.fails(f"{ROOT}-2", Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    assert world.acts() == [(f"{ROOT}-2", RESTART)]


def test_a_dependent_that_exited_does_not_wait_to_follow_by_itself() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    world.exits(LEAF, 1)
    assert world.last(LEAF).guard in {Guard.REMEDY_RUNNING, Guard.DEPENDENCY}
    world.acted(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (LEAF, Action.START)]


def test_after_dependency_never_calls_a_person_only_when_it_does_not_follow() -> None:
    world = calm(
        targets=(WALLET, replace(SERVICE, after_dependency=AfterDependency.NEVER))
    )
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.acted(ROOT)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert pages(world, LEAF) == []
    assert "left to follow by itself" in str(world.last(LEAF).reason)
    for _ in range(20):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert len(pages(world, LEAF)) == 1


ALWAYS = replace(SERVICE, after_dependency=AfterDependency.ALWAYS)


def test_after_dependency_always_also_when_the_engine_brought_the_root_back() -> None:
    world = calm(targets=(WALLET, ALWAYS))
    world.exits(ROOT, 1, restart_policy="always")
    starts(world, ROOT)
    world.works(ROOT, LEAF)
    world.wait(1.0)
    assert world.acts() == [(LEAF, RESTART)]


def test_after_dependency_always_is_done_once_somebody_else_restarted_it() -> None:
    world = calm(targets=(WALLET, ALWAYS))
    world.send(PauseRequested(world.now, (LEAF,), world.now.wall + 60.0))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT, LEAF)
    starts(world, LEAF)
    world.works(ROOT, LEAF)
    world.wait(120.0)
    assert world.acts() == [(ROOT, RESTART)]


# --- our own network ---------------------------------------------------------


def test_a_neighbour_lost_long_ago_does_not_make_our_network_suspect() -> None:
    world = calm(targets=(WALLET, LONE))
    for _ in range(100):
        world.fails(OTHER, Cause.DETACHED, 1, path_fault=True)
        world.works(ROOT, times=1)
    for _ in range(8):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.looked(ROOT)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_stopped_process_explains_why_it_cannot_be_reached() -> None:
    world = calm(targets=(WALLET, LONE))
    world.fails(OTHER, Cause.DETACHED, 1, path_fault=True)
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
    world.looked(ROOT, "electron-cash")
    assert world.acts() == [(ROOT, RESTART)]


# --- incidents ---------------------------------------------------------------


def test_an_incident_is_closed_when_nobody_of_it_is_watched_any_more() -> None:
    world = calm(targets=(WALLET, LONE))
    world.fails(ROOT, Cause.AUTH)
    assert steps(world) == [(ROOT, IncidentStep.OPENED)]
    world.targets = (LONE,)
    world.containers.pop(InstanceId(ROOT, 1))
    world.relist()
    assert steps(world)[1:] == [(ROOT, IncidentStep.RESOLVED)]
    assert not any(i.open for i in world.state.incidents.values())


def test_what_an_operator_put_away_does_not_keep_an_incident_open() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    world.notice(LEAF, EngineEventKind.KILL)
    world.exits(LEAF, 143)
    world.acted(ROOT)
    world.works(ROOT)
    assert steps(world)[-1] == (ROOT, IncidentStep.RESOLVED)


def test_a_root_that_an_operator_put_away_does_not_count_as_resolved() -> None:
    world = calm()
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.works(LEAF)
    assert (ROOT, IncidentStep.RESOLVED) not in steps(world)
    starts(world, ROOT)
    world.works(ROOT)
    assert steps(world)[-1] == (ROOT, IncidentStep.RESOLVED)


def test_an_incident_is_as_urgent_as_the_most_urgent_that_it_affects() -> None:
    world = calm()
    world.fails(ROOT, Cause.AUTH)
    world.wait(1.0)
    assert [i.severity for i in world.state.incidents.values()] == [Severity.P2]
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    assert [i.severity for i in world.state.incidents.values()] == [Severity.P1]


# --- planned restarts --------------------------------------------------------


def two_nightly_pairs() -> RuleWorld:
    second = replace(WALLET, name="second", service="second", preventive=NIGHTLY)
    reader = replace(SERVICE, name="reader", depends_on=("second",))
    return calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE, second, reader))


def test_one_planned_restart_is_finished_before_the_next_begins() -> None:
    world = two_nightly_pairs()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, "second"))
    for _ in range(4):
        name = world.acts()[-1][0]
        world.acted(name)
        world.works(ROOT, LEAF, "second", "reader")
    assert [name for name, _ in world.acts()] == [ROOT, LEAF, "second", "reader"]
    held = [
        d for d in world.decisions if d.name == "second" and d.action is Action.HOLD
    ]
    assert held[0].guard is Guard.REMEDY_RUNNING


def test_dependents_are_left_alone_when_the_planned_restart_was_not_sent() -> None:
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    world.works(ROOT, LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.state.plan is None


def test_a_step_whose_turn_does_not_come_is_said_and_the_plan_goes_on() -> None:
    third = replace(SERVICE, name=OTHER)
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE, third))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.acted(ROOT)
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


def test_who_is_watched_no_more_does_not_hold_up_a_plan() -> None:
    third = replace(SERVICE, name=OTHER)
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE, third))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.acted(ROOT)
    world.targets = (world.targets[0], third)
    world.containers.pop(InstanceId(LEAF, 1))
    world.relist()
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (OTHER, RESTART)]


def test_a_plan_ends_with_its_root() -> None:
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE))
    world.send(PlannedRestartDue(world.now, ROOT))
    alone = replace(SERVICE, depends_on=())
    only = container(LEAF)
    world.send(ContainersListed(world.now, (alone,), ((InstanceId(LEAF, 1), only),)))
    assert world.state.plan is None
    assert world.state.due == {}
    assert world.acts() == [(ROOT, RESTART)]


def test_a_dependent_that_an_operator_stopped_is_left_out_of_the_plan() -> None:
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE))
    world.notice(LEAF, EngineEventKind.KILL)
    world.exits(LEAF, 143)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == [(ROOT, RESTART)]
    world.acted(ROOT)
    world.works(ROOT)
    world.wait(5.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert (Action.SKIP, Guard.NOT_CURABLE) in world.said(LEAF)
    assert world.state.plan is None


def test_a_root_that_an_operator_stopped_has_no_planned_restart() -> None:
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), SERVICE))
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == []
    skips = [d for d in world.decisions if d.action is Action.SKIP]
    assert [d.trigger for d in skips] == [Trigger.PLANNED]


# --- people ------------------------------------------------------------------


def test_recover_may_name_a_replica() -> None:
    world = two_wallets()
    name = f"{ROOT}-1"
    world.fails(name, Cause.REFUSED)
    world.acted(name, RemedyCallResult.FAILED, restart=False)
    assert world.state.ledger
    world.send(RecoverRequested(world.now, name))
    assert world.state.ledger == {}


def test_a_dead_letter_is_one_even_where_the_container_loops() -> None:
    once = RestartSettings(slow_lane_s=(60.0,))
    world = calm(targets=(replace(WALLET, restart=once),))
    for _ in range(600):
        world.wait(1.0)
        if world.is_acting(ROOT):
            world.acted(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.exits(ROOT, 1)
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    assert "waits for a person to say recover" in str(world.last(ROOT).reason)
    begun = len(world.acts())
    world.send(RecoverRequested(world.now, ROOT))
    assert len(world.acts()) == begun + 1


def test_who_cannot_be_probed_for_long_is_not_called_healthy() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(8):
        world.wait(60.0, 10.0)
        world.probe(ROOT, UNASKABLE)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    for _ in range(4):
        world.wait(60.0, 10.0)
        world.probe(ROOT, UNASKABLE)
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    (page,) = pages(world, ROOT)
    assert page.cause is Cause.PROBER_FAILED
    assert str(UNASKABLE.reason) in str(page.reason)
    assert world.state.incidents == {}
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_one_unknown_after_a_start_s_failures_is_no_page() -> None:
    world = RuleWorld(targets=(WALLET,))
    starts(world, ROOT)
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("nobody listens yet")))
    world.probe(ROOT, UNASKABLE)
    world.wait(130.0, 10.0)
    assert world.instance(ROOT).state is TargetState.UNKNOWN
    assert pages(world, ROOT) == []


def test_one_good_answer_between_makes_unknowns_count_anew() -> None:
    world = calm(targets=(WALLET,))
    for outcome in (UNASKABLE, probe_success(), UNASKABLE):
        world.probe(ROOT, outcome)
        world.wait(400.0, 10.0)
    world.probe(ROOT, UNASKABLE)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_a_root_known_to_be_lost_is_asked_unhurriedly_though_dependents_fail() -> None:
    world = calm()
    world.fails(ROOT, Cause.AUTH, 5)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    pace = probe_interval_s(world.state, world.instance(ROOT))
    assert pace == WALLET.cadence.interval_s * UNHURRIED


def test_a_root_is_asked_quickly_until_it_has_answered_a_failing_dependent() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    root = world.instance(ROOT)
    assert probe_interval_s(world.state, root) == WALLET.cadence.fast_interval_s
    world.works(ROOT, times=1)
    root = world.instance(ROOT)
    assert probe_interval_s(world.state, root) == WALLET.cadence.interval_s


def test_an_operator_may_restart_at_once_what_he_has_just_stopped() -> None:
    world = calm(targets=(WALLET,))
    world.notice(ROOT, EngineEventKind.KILL, restart_policy="always")
    world.exits(ROOT, 143)
    (decision,) = world.send(RestartRequested(world.now, ROOT))
    assert decision.action is Action.START


def test_a_loop_that_is_left_alone_says_when_it_is_tried_again() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(8):
        world.wait(5.0)
        if world.is_acting(ROOT):
            world.acted(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.exits(ROOT, 1)
    (page,) = pages(world, ROOT)
    assert page.cause is Cause.CRASH_LOOP
    assert "it is started once more in 10 min" in str(page.reason)


# --- words, and when they are said -------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1.0, "0 s"),
        (119.4, "119 s"),
        (120.0, "2 min"),
        (7199.0, "119 min"),
        (7200.0, "2.0 h"),
        (9000.0, "2.5 h"),
    ],
)
def test_a_time_to_wait_is_said_in_words(seconds: float, said: str) -> None:
    assert formatting.format_wait(seconds) == said


def test_an_operator_is_answered_each_time() -> None:
    world = calm(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,)))
    for _ in range(2):
        (decision,) = world.send(RestartRequested(world.now, ROOT))
        assert decision.guard is Guard.PAUSED


def test_the_same_refusal_is_said_again_in_the_next_outage() -> None:
    world = calm(targets=(replace(WALLET, restart=RestartSettings(enabled=False)),))
    for _ in range(2):
        world.fails(ROOT, Cause.REFUSED, 5)
        world.works(ROOT)
    assert world.said(ROOT).count((Action.HOLD, Guard.OPTED_OUT)) == 2


@pytest.mark.parametrize(("apart_s", "loops"), [(65.0, False), (55.0, True)])
def test_three_exits_in_two_minutes_are_a_loop(apart_s: float, loops: bool) -> None:
    world = calm(targets=(WALLET,))
    for _ in range(3):
        world.exits(ROOT, 1, restart_policy="always")
        world.wait(1.0)
        starts(world, ROOT)
        world.works(ROOT, times=1)
        world.wait(apart_s - 2.01)
    looping = world.instance(ROOT).state is TargetState.CRASH_LOOP
    assert looping is loops


@pytest.mark.parametrize(("apart_s", "suspect"), [(60.0, True), (80.0, False)])
def test_lost_at_once_means_within_a_minute_and_an_interval(
    apart_s: float, suspect: bool
) -> None:
    world = calm(targets=(WALLET, LONE))
    world.fails(OTHER, Cause.DETACHED, 1, path_fault=True)
    world.wait(apart_s)
    for _ in range(6):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.looked(ROOT)
    assert (world.acts() == []) is suspect


# --- who stopped it ------------------------------------------------------------


def found(world: RuleWorld, **changes: object) -> None:
    """A list shows the container so, and no event told of it."""
    who = InstanceId(ROOT, 1)
    world.containers[who] = replace(world.containers[who], **changes)  # type: ignore[arg-type]  # any field of it
    world.relist()


def test_a_stop_is_an_operators_though_the_kill_was_missed() -> None:
    world = calm(targets=(WALLET,))
    world.notice(ROOT, EngineEventKind.STOP, status=Status.EXITED, exit_code=1, pid=0)
    world.wait(60.0)
    assert world.acts() == []


def test_a_kill_is_an_operators_though_the_death_was_missed() -> None:
    world = calm(targets=(WALLET,))
    world.notice(ROOT, EngineEventKind.KILL)
    found(world, status=Status.EXITED, exit_code=1, pid=0)
    world.wait(60.0)
    assert world.acts() == []
    assert str(world.instance(ROOT).reason) == "an operator stopped it"


def test_what_ends_while_we_restart_it_was_stopped_by_nobody() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    again = world.now.wall
    found(world, started_at=again, status=Status.EXITED, exit_code=0, pid=0)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    world.wait(30.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]


def tell(
    world: RuleWorld,
    kind: EngineEventKind,
    container_id: str,
    seen: Container | None = None,
) -> None:
    """An engine event as it comes: about whichever container, seen or not."""
    now = world.now
    who = InstanceId(ROOT, 1)
    world.send(ContainerEventSeen(now, who, kind, container_id, now.wall, seen))


def test_an_event_of_the_container_before_says_nothing_of_this_one() -> None:
    world = calm(targets=(WALLET,))
    old = container(ROOT, id="old", status=Status.EXITED, exit_code=1, pid=0)
    tell(world, EngineEventKind.DIE, "old", old)
    tell(world, EngineEventKind.DESTROY, "old")
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.acts() == []


def test_a_container_that_was_removed_is_missed_at_once() -> None:
    world = calm(targets=(WALLET,))
    tell(world, EngineEventKind.DESTROY, world.containers[InstanceId(ROOT, 1)].id)
    assert world.instance(ROOT).state is TargetState.MISSING


def test_an_event_after_which_the_engine_could_not_be_asked_changes_no_view() -> None:
    world = calm(targets=(WALLET,))
    known = world.containers[InstanceId(ROOT, 1)]
    tell(world, EngineEventKind.UNPAUSE, known.id)
    assert world.instance(ROOT).container == known
    assert world.instance(ROOT).state is TargetState.HEALTHY


# --- what is said ----------------------------------------------------------------


def test_what_is_done_is_said_and_a_refusal_says_what_was_not_done() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    assert str(world.last(ROOT).reason) == "failure 3: it is refused: restart now"
    world = calm(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,)))
    world.fails(ROOT, Cause.REFUSED)
    assert str(world.last(ROOT).reason) == (
        "failure 3: it is refused; no restart: "
        "acting is paused until an operator resumes it"
    )


def test_a_pause_says_how_long_it_lasts() -> None:
    world = calm(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 600.0))
    world.fails(ROOT, Cause.REFUSED)
    assert str(world.last(ROOT).reason).endswith("acting is paused for another 9 min")


def test_of_several_replicas_the_first_speaks_for_the_planned_restart() -> None:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2)}
    world = RuleWorld((replace(WALLET, preventive=NIGHTLY),), containers=pair)
    world.works(f"{ROOT}-1", f"{ROOT}-2")
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.send(PlannedRestartDue(world.now, ROOT))
    assert [d.name for d in world.decisions] == [f"{ROOT}-1"]
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.acted(f"{ROOT}-1")
    world.works(f"{ROOT}-1")
    assert [name for name, _ in world.acts()] == [f"{ROOT}-1", f"{ROOT}-2"]


def test_only_deaths_are_counted_towards_a_loop() -> None:
    world = calm(targets=(WALLET,))
    for kind in (
        EngineEventKind.HEALTH,
        EngineEventKind.OOM,
        EngineEventKind.UNPAUSE,
    ) * 2:
        world.notice(ROOT, kind)
    assert world.instance(ROOT).exits == ()
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_the_death_that_our_own_restart_brought_may_be_told_late() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.notice(ROOT, EngineEventKind.DIE, ago_s=1.0)
    assert world.instance(ROOT).exits == ()
    world.wait(100.0)
    started = world.containers[InstanceId(ROOT, 1)].started_at
    world.notice(ROOT, EngineEventKind.DIE, ago_s=world.now.wall - started + 61.0)
    assert len(world.instance(ROOT).exits) == 1
    assert world.instance(ROOT).short_runs == 0


def test_a_container_that_the_engine_is_restarting_is_left_to_it() -> None:
    world = calm(targets=(WALLET,))
    world.notice(
        ROOT, EngineEventKind.DIE, status=Status.RESTARTING, exit_code=1, pid=0
    )
    world.wait(100.0)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.ENGINE_POLICY


def test_runs_that_all_end_within_a_minute_are_a_loop_however_long_the_pauses() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(4):
        world.wait(50.0)
        world.exits(ROOT, 1, restart_policy="always")
        world.wait(25.0)
        starts(world, ROOT)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP


def test_an_older_death_told_late_does_not_undo_a_stop() -> None:
    dead = container(ROOT, status=Status.EXITED, exit_code=143, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): dead})
    world.notice(ROOT, EngineEventKind.DIE, ago_s=90_000.0)
    world.wait(60.0)
    assert world.acts() == []


def test_the_planned_restart_of_a_dependent_does_not_cost_its_root_its_own() -> None:
    leaf = replace(SERVICE, preventive=NIGHTLY)
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), leaf))
    world.send(PlannedRestartDue(world.now, LEAF))
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == [(LEAF, RESTART)]
    world.acted(LEAF)
    world.works(LEAF)
    assert world.acts() == [(LEAF, RESTART), (ROOT, RESTART)]
    world.acted(ROOT)
    world.works(ROOT)
    assert (Action.SKIP, Guard.RECENTLY_RESTARTED) in world.said(LEAF)


def test_no_planned_restart_while_an_incident_of_the_root_is_open() -> None:
    left_alone = replace(SERVICE, after_dependency=AfterDependency.NEVER)
    world = calm(targets=(replace(WALLET, preventive=NIGHTLY), left_alone))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    world.acted(ROOT)
    world.works(ROOT)
    world.send(PlannedRestartDue(world.now, ROOT))
    skip = world.last(ROOT)
    assert (skip.action, skip.guard) == (Action.SKIP, Guard.UNSTABLE)
    assert "is open" in str(skip.reason)


def test_a_probe_that_went_wrong_within_a_streak_calls_nobody() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED, 2)
    world.probe(ROOT, UNASKABLE)
    world.wait(5.0)
    assert pages(world, ROOT) == []
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_restart_of_which_nothing_is_known_has_not_helped_until_it_answers() -> None:
    world = calm(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    world.now_s += 5.0
    world.acted(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.wait(10.0)
    assert ends(world) == []
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.works(ROOT, times=1)
    assert ends(world) == [(ROOT, RemedyOutcome.RECOVERED)]


def test_calling_off_one_planned_restart_leaves_the_other() -> None:
    world = two_nightly_pairs()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, "second"))
    world.send(PlannedRestartCancelled(world.now, "second"))
    for _ in range(2):
        world.acted(world.acts()[-1][0])
        world.works(ROOT, LEAF)
    world.wait(5.0)
    assert [name for name, _ in world.acts()] == [ROOT, LEAF]


def test_a_planned_restart_that_waits_is_given_up_with_its_target() -> None:
    world = two_nightly_pairs()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.send(PlannedRestartDue(world.now, "second"))
    world.targets = world.targets[:2]
    world.relist()
    assert world.state.due == {}
    assert world.state.plan is not None
    assert world.state.plan.left == (InstanceId(LEAF, 1),)


def test_a_stopped_process_that_was_woken_is_forgotten_with_the_streak() -> None:
    world = calm(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 20.0))
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.looked(ROOT, "electron-cash")
    world.works(ROOT)
    world.wait(20.0)
    failed = world.now_s
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    assert world.acts() == []
    health = world.instance(ROOT).health
    assert (health.first_failure_mono, health.cause_mono) == (failed, failed)


def test_what_was_never_started_says_so() -> None:
    new = container(ROOT, status=Status.CREATED, started_at=0.0, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): new})
    assert str(world.instance(ROOT).reason) == "it was created and never started"


def test_the_storm_is_over_after_an_hour() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(11):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.acted(ROOT)
            world.works(ROOT)
    (page,) = pages(world, ROOT)
    assert page.guard is Guard.RATE_LIMIT
    first = tries(world, ROOT)[0]
    world.wait(first + 3599.0 - world.now_s, 30.0)
    assert len(world.acts()) == 10
    world.wait(2.0)
    assert len(world.acts()) == 11


def test_to_skip_one_planned_restart_does_not_shorten_another() -> None:
    world = two_nightly_pairs()
    world.send(PlannedRestartDue(world.now, ROOT))
    world.fails("second", Cause.REFUSED, 1)
    world.send(PlannedRestartDue(world.now, "second"))
    assert world.last("second").action is Action.SKIP
    assert world.state.due == {}
    assert world.state.plan is not None
    world.acted(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]
