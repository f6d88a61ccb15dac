"""Rules that matter seldom: in a new run, the second time, in a rare order."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    EngineEventKind,
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartDue,
    ProbeCompleted,
    ProcessesInspected,
    RecoverRequested,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import ProbeWarning, probe_failure, probe_success
from sidecar.core.model.target import InstanceId, Mode, PlannedRestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.planned_restart import PLAN_STEP_S
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
FIRST = InstanceId(ROOT, 1)
DAILY = PlannedRestartSettings("0 3 * * *")
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def alone(**settings: object) -> RuleWorld:
    world = RuleWorld(targets=(WALLET,), **settings)  # type: ignore[arg-type]  # its fields
    world.works(ROOT)
    return world


def starts_anew(world: RuleWorld, who: InstanceId = FIRST) -> None:
    """Somebody restarts its container."""
    world.containers[who] = replace(world.containers[who], started_at=world.now.wall)
    world.relist()


# --- decisions


def test_what_is_held_back_is_said_once_of_each_run() -> None:
    world = RuleWorld(targets=(WALLET,), mode=Mode.OBSERVE)
    for runs in (1, 2):
        starts_anew(world)
        world.probe(ROOT, NO_WALLET)
        world.probe(ROOT, NO_WALLET)
        assert world.instance(ROOT).state is TargetState.STARTING
        assert world.said(ROOT) == [(Action.HOLD, Guard.OBSERVE)] * runs
        world.now_s += 5.0


def test_a_daemon_that_falls_silent_again_at_once_is_looked_into_again() -> None:
    world = alone()
    world.send(PauseRequested(world.now, (ROOT,), None))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(ROOT, Cause.HUNG, 1)
    world.probe(ROOT, probe_success())
    world.fails(ROOT, Cause.HUNG, 1)
    assert world.said(ROOT)[-2:] == [(Action.LOOK, Guard.NONE)] * 2


def test_a_person_hears_of_each_cause_that_only_a_person_can_cure() -> None:
    world = alone()
    world.fails(ROOT, Cause.AUTH)
    world.fails(ROOT, Cause.MISCONFIGURED)
    paged = [d.cause for d in world.decisions if d.action is Action.PAGE]
    assert paged == [Cause.AUTH, Cause.MISCONFIGURED]


def test_the_storm_brake_stops_neither_a_load_nor_an_operator_who_insists() -> None:
    world = alone()
    for _ in range(11):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.acted(ROOT)
            world.works(ROOT)
    assert world.said(ROOT)[-1] == (Action.PAGE, Guard.RATE_LIMIT)
    begun = len(world.acts())
    world.probe(ROOT, NO_WALLET)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    world.send(RestartRequested(world.now, ROOT, now=True))
    done = [(ROOT, Action.LOAD_WALLET), (ROOT, Action.RESTART)]
    assert world.acts()[begun:] == done


def test_an_operator_who_insists_need_not_wait_for_a_root_either() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.AUTH)
    world.send(RestartRequested(world.now, LEAF))
    assert world.said(LEAF)[-1] == (Action.HOLD, Guard.DEPENDENCY)
    world.send(RestartRequested(world.now, LEAF, now=True))
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_an_operator_need_not_wait_until_the_next_try() -> None:
    world = alone()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    world.wait(1.0)
    assert world.said(ROOT)[-1] == (Action.HOLD, Guard.BACKOFF)
    world.send(RestartRequested(world.now, ROOT))
    assert world.acts() == [(ROOT, Action.RESTART)] * 2


def test_an_operator_may_restart_a_dependent_before_its_root_has_answered() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(LEAF, Cause.REFUSED, 1)
    world.send(RestartRequested(world.now, LEAF))
    assert world.acts() == [(LEAF, Action.RESTART)]


# --- what is seen


def test_what_is_seen_of_a_container_that_was_removed_meanwhile_changes_nothing() -> (
    None
):
    world = alone()
    seen = world.instance(ROOT).container
    assert seen is not None
    world.fails(ROOT, Cause.HUNG, 1)
    world.notice(ROOT, EngineEventKind.DESTROY)
    before = world.state
    world.send(ProcessesInspected(world.now, FIRST, seen.run, ("wallet",)))
    world.send(ProbeCompleted(world.now, FIRST, seen.run, world.now_s, probe_success()))
    assert world.state == before


def test_what_was_seen_before_the_last_good_answer_is_not_held_against_it() -> None:
    world = alone()
    world.fails(ROOT, Cause.HUNG, 1)
    world.probe(ROOT, probe_success())
    world.looked(ROOT, "wallet")
    world.fails(ROOT, Cause.HUNG, 1)
    assert world.instance(ROOT).state is TargetState.FAILING


def test_what_was_seen_of_an_older_run_is_not_held_against_this_one() -> None:
    world = alone()
    old = world.instance(ROOT).container
    assert old is not None
    world.fails(ROOT, Cause.HUNG, 1)
    starts_anew(world)
    world.works(ROOT)
    world.fails(ROOT, Cause.HUNG, 1)
    world.send(ProcessesInspected(world.now, FIRST, old.run, ("wallet",)))
    assert world.instance(ROOT).state is TargetState.FAILING


def test_answers_during_a_restart_do_not_speak_for_it() -> None:
    world = alone()
    world.send(RestartRequested(world.now, ROOT))
    world.works(ROOT)
    world.acted(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.works(ROOT)
    assert ended(world).outcome is RemedyOutcome.RECOVERED


def test_what_somebody_stopped_is_watched_closely_once_it_is_started_again() -> None:
    world = alone()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    assert world.last(ROOT).action is Action.PAGE
    world.now_s += 60.0
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    assert world.instance(ROOT).state is TargetState.STARTING
    every_s = probe_interval_s(world.state, world.instance(ROOT))
    assert every_s == WALLET.cadence.fast_interval_s


def test_since_when_it_is_down_is_kept_whatever_the_cause() -> None:
    world = alone()
    healthy = world.instance(ROOT).since
    world.fails(ROOT, Cause.AUTH, 2)
    world.probe(ROOT, probe_failure(Cause.AUTH, text_reason("wrong password")))
    down = world.instance(ROOT).since
    assert down.mono > healthy.mono
    assert down == world.now
    world.fails(ROOT, Cause.MISCONFIGURED)
    assert world.instance(ROOT).since == down


def test_the_same_trouble_in_other_words_is_no_change_of_state() -> None:
    world = alone()
    world.send(PauseRequested(world.now, (ROOT,), None))
    world.fails(ROOT, Cause.REFUSED)
    before = len(world.transitions)
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("in other words")))
    assert str(world.instance(ROOT).reason) == "in other words"
    assert len(world.transitions) == before


# --- remedies


def ended(world: RuleWorld) -> RemedyEnded:
    (found,) = (t for t in world.transitions if isinstance(t, RemedyEnded))
    return found


def test_a_restart_that_may_never_have_been_done_says_so_when_it_did_not_help() -> None:
    world = alone()
    world.send(RestartRequested(world.now, ROOT))
    world.acted(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.wait(WALLET.restart.recovery_timeout_s)
    assert str(ended(world).reason).startswith("as asked; ")


def test_recover_takes_the_hands_off_a_loop_back() -> None:
    world = alone()
    for _ in range(3):
        world.wait(5.0)
        world.exits(ROOT, 1, restart_policy="always")
        world.containers[FIRST] = replace(
            world.containers[FIRST], status=Status.RUNNING
        )
        starts_anew(world)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    world.send(RecoverRequested(world.now, ROOT))
    assert world.instance(ROOT).state is TargetState.STARTING


# --- roots


def test_a_dependents_time_to_follow_begins_when_its_root_works() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    assert world.instance(LEAF).settling is None
    world.works(ROOT)
    assert world.instance(LEAF).settling is not None


def test_a_dependent_that_has_followed_fails_on_its_own_account_later() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    world.works(LEAF)
    assert world.instance(LEAF).settling is None
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert world.acts()[-1] == (LEAF, Action.RESTART)
    assert world.last(LEAF).trigger is Trigger.FAILURE


def test_a_dependent_that_works_needs_no_time_to_follow() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.instance(LEAF).settling is None


def test_a_root_that_is_slow_for_once_does_not_begin_that_time_anew() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.acted(ROOT)
    world.works(ROOT)
    settling = world.instance(LEAF).settling
    world.probe(ROOT, probe_success(warnings=(ProbeWarning.SLOW,)))
    assert world.instance(ROOT).state is TargetState.DEGRADED
    world.works(ROOT)
    assert world.instance(LEAF).settling == settling


# --- planned restarts


def test_a_planned_restart_that_is_due_again_while_it_waits_gets_no_more_time() -> None:
    world = alone(lists=False)
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason="gone"))
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(PLAN_STEP_S - 60.0)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.said(ROOT)[-1] == (Action.HOLD, Guard.ENGINE)
    world.wait(61.0)
    assert world.said(ROOT)[-1] == (Action.SKIP, Guard.UNSTABLE)


def test_a_step_of_a_plan_goes_before_a_planned_restart_of_its_own() -> None:
    world = RuleWorld(
        (replace(WALLET, preventive=DAILY), replace(SERVICE, preventive=DAILY))
    )
    world.works(ROOT, LEAF)
    world.send(PlannedRestartDue(world.now, ROOT))
    world.fails(LEAF, Cause.REFUSED, 1)
    world.send(PlannedRestartDue(world.now, LEAF))
    assert world.said(LEAF)[-1] == (Action.HOLD, Guard.REMEDY_RUNNING)
    world.acted(ROOT)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]
    assert str(world.last(LEAF).reason).startswith(f"it follows {ROOT}")


def test_an_operators_restart_that_could_not_be_sent_ends_no_plan() -> None:
    other = replace(SERVICE, name="rates", depends_on=())
    world = RuleWorld((replace(WALLET, preventive=DAILY), SERVICE, other))
    world.works(ROOT, LEAF, "rates")
    world.send(PlannedRestartDue(world.now, ROOT))
    world.acted(ROOT)
    starts_anew(world, InstanceId(LEAF, 1))
    world.works(ROOT)
    assert world.said(LEAF)[-1] == (Action.HOLD, Guard.STARTING)
    world.send(RestartRequested(world.now, "rates"))
    world.acted("rates", RemedyCallResult.NOT_SENT, restart=False)
    world.works(LEAF)
    assert world.acts()[-1] == (LEAF, Action.RESTART)
